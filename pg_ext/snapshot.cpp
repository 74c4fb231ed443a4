#include "pg_ext/snapshot.h"

#include "pg_ext/pull.h"
#include "pg_ext/reread.h"

#include "pg_ext/pg.h"

namespace objectos::server {
namespace {

// Types whose binary form the client reads itself; all others go as the text of their JSON form.
const char* binary_name(Oid type) {
  switch (type) {
    case BOOLOID:
      return "bool";
    case INT2OID:
      return "int2";
    case INT4OID:
      return "int4";
    case INT8OID:
      return "int8";
    case FLOAT4OID:
      return "float4";
    case FLOAT8OID:
      return "float8";
    case TEXTOID:
      return "text";
    case VARCHAROID:
      return "varchar";
    case BPCHAROID:
      return "bpchar";
    case DATEOID:
      return "date";
    case TIMESTAMPOID:
      return "timestamp";
    case TIMESTAMPTZOID:
      return "timestamptz";
    case NUMERICOID:
      return "numeric";
    case UUIDOID:
      return "uuid";
    case BYTEAOID:
      return "bytea";
    default:
      return nullptr;
  }
}

std::string json_string(const std::string& text) {
  const char* json = pg_call([&] {
    StringInfoData out;
    initStringInfo(&out);
    escape_json(&out, text.c_str());
    return static_cast<const char*>(out.data);
  });
  return json;
}

void describe_copy(const ObjectView& object, SnapshotRow& row) {
  std::string list, columns;
  for (const ColumnInfo& column : object.info.columns) {
    if (!column.selectable) continue;
    const char* binary = binary_name(column.base_type);
    list += binary ? "t." + column.quoted : "objectos_sync.json_form(t." + column.quoted + ")";
    list += ", ";
    if (!columns.empty()) columns += ',';
    columns += "{\"name\":" + json_string(column.name) +
               ",\"kind\":" + json_string(to_string(column.kind)) + ",\"format\":\"" +
               (binary ? std::string("binary:") + binary : std::string("text")) + "\"}";
  }
  row.object = object.info.object;
  row.query = "COPY (SELECT " + list + "t._version FROM " + object.info.qualified + " AS t" +
              object.filter_after(" WHERE ") + ") TO STDOUT (FORMAT binary)";
  row.columns = '[' + columns + ']';
}

}  // namespace

std::vector<SnapshotRow> snapshot(const std::string& client_id) {
  require_cut_possible();
  const Cut cut = current_cut();
  return with_spi([&](Spi&) {
    const PullClient client = identify_client(client_id);
    Checkpoint checkpoint = checkpoint_here(cut, client.epoch, client.low_water);
    checkpoint.timeline = cut.timeline;
    checkpoint.lsn = cut.lsn;
    const View view = open_view(client);
    checkpoint.schema = view.schema_fingerprint;
    align_objects(view, checkpoint);
    std::vector<SnapshotRow> rows;
    for (const ObjectView& object : view.objects) {
      if (object.info.row_security) continue;
      checkpoint.objects.at(object.info.object).reading = false;
      rows.emplace_back();
      describe_copy(object, rows.back());
    }
    if (rows.empty()) rows.emplace_back();
    for (SnapshotRow& row : rows) {
      row.checkpoint = encode_checkpoint(checkpoint);
      row.schema = view.schema_json;
    }
    return rows;
  });
}

}  // namespace objectos::server
