// The module's start: magic, settings.
#include "pg_ext/boundary.h"
#include "pg_ext/pg.h"

extern "C" {
PG_MODULE_MAGIC;
void _PG_init(void);
}

namespace objectos::server {
extern char* inject_fault_setting;
}

void _PG_init(void) {
  DefineCustomStringVariable("objectos_sync.inject_fault",
                             "Debug aid: fail at a named point, as kind:point.",
                             "Kinds are bad_alloc, exception and error; empty means never.",
                             &objectos::server::inject_fault_setting, "", PGC_SUSET,
                             GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
  MarkGUCPrefixReserved("objectos_sync");
}
