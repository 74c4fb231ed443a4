// The table of what the file subscribes to: a row `accepted` and a row `wanted`, if they are there.
#pragma once

namespace objectos {

extern const char* const subscription_table_sql;
extern const char* const drop_subscription_table_sql;

}  // namespace objectos
