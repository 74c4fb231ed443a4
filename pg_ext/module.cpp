// The module's start.
#include "pg_ext/settings.h"

#include "pg_ext/pg.h"

extern "C" {
PG_MODULE_MAGIC;
void _PG_init(void);
}

void _PG_init(void) {
  objectos::server::define_settings();
}
