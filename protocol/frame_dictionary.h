// What small messages are compressed against: text that they are likely to hold. A published
// version never changes, since both sides must have the same bytes; a better text is a new version.
#pragma once

#include <string_view>

namespace objectos {

inline constexpr unsigned char frame_dictionary_version = 1;

// The likeliest pieces stand last: a match near the end has the shortest distance.
inline constexpr std::string_view frame_dictionary_1 =
    R"("reason":"constraint_violation","detail":{"sqlstate":"23505","message":"duplicate key value )"
    R"(violates unique constraint","constraint":"hint":"not_authorized","group_rejected",)"
    R"("depends_on_rejected","unknown_object","invalid_mutation","user_error",)"
    R"("conflict_id":","base":{"conflicts":[{"field":","client_value":","server_value":",)"
    R"("resolution":"server_wins"},"resolution":"client_wins"}],"status":"resolved","manual")"
    R"(,"rereads":[{"object":","operation":"begin"},{"object":","operation":"end"}],"truncates":[)"
    R"("removals":[{"object":","tag":",)"
    R"({"mutation_id":","status":"rejected","duplicate":true,"version":null,"sequence":null,)"
    R"("reason":"version_mismatch","reason":"concurrent_update","reason":"deleted",)"
    R"({"verdicts":[{"mutation_id":","status":"merged","duplicate":false,"version":1,"sequence":1,)"
    R"("reason":null,"resolution":null,"server_version":1,"client_version":1,"detail":null},)"
    R"({"mutation_id":","status":"applied","duplicate":false,"version":)"
    R"("timestamp":"2026-01-01T00:00:00.000000+00:00","group":","device":","undo_of":")"
    R"({"client_id":","last_sync":"2026-01-01T00:00:00.000Z","checkpoint":"os1.","confirmed":0,)"
    R"("mutations":[{"id":","object":","record_id":","operation":"delete","original":{)"
    R"("data":{"id":","name":","title":","email":","description":","created_at":","updated_at":")"
    R"("schema":{"objects":[{"object":","strategy":"merge","columns":[{"name":","type":"text")"
    R"(,"acknowledgements":[{"id":","object":","record_id":","operation":"update","version":1,)"
    R"("client_sequence":1,"status":"applied","whole":true,"absorb":true},"conflicts":[],)"
    R"("removals":[],"acknowledgements":[],"rereads":[],"truncates":[],"checkpoint":"1 )"
    R"({"mutations":[{"object":","record_id":","operation":"insert","data":{"version":1,)"
    R"("sequence":1,"timestamp":"2026-01-01T00:00:00.000000+00:00","user":"postgres"},)"
    R"({"object":","record_id":","operation":"update","data":{","version":,"sequence":)"
    R"(],"conflicts":[],"removals":[],"acknowledgements":[],"rereads":[],"truncates":[],)"
    R"("checkpoint":"","has_more":false})";

}  // namespace objectos
