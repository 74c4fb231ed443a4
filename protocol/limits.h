// Every limit of the protocol, with the reason for each.
#pragma once

#include <cstddef>
#include <cstdint>

namespace objectos::limits {

// The protocol's version, in sync_hello() and sync_schema(); another major one is upgrade_required.
inline constexpr int protocol_version = 1;

// A request is held in memory several times over (text, tree, rows), and a backend has no room
// for more than a few hundred megabytes.
inline constexpr std::size_t request_bytes_max = std::size_t{64} << 20;

// One value: a 20 MB blob as hex is 40 MB, which must pass; beyond it no request could carry it.
inline constexpr std::size_t string_bytes_max = std::size_t{48} << 20;

// Nested values come from jsonb and arrays, which people write by hand; 64 levels are more than
// anyone does, and keep everything that walks a tree by recursion far from the stack's end.
inline constexpr int json_depth_max = 64;

// A record has at most 1,600 columns, but a JSON column may hold maps; the cap bounds the look-up
// for duplicate keys.
inline constexpr std::size_t json_members_max = 1'000'000;

// One push is one transaction that holds row locks; 10,000 mutations stay below some seconds.
inline constexpr std::size_t mutations_per_push_max = 10'000;

// A page is built in memory on both sides.
inline constexpr std::int32_t page_mutations_max = 1'000'000;
inline constexpr std::int32_t page_mutations_default = 100;

// A page ends where its records' values come to this, or with its first record: it is held in
// memory on both sides, and a page of a thousand 20 MB blobs would not fit.
inline constexpr std::size_t page_bytes = std::size_t{16} << 20;

// A key of 2,000 characters outside ASCII, percent-encoded or as a composite, and some room;
// PostgreSQL's own index limit is 2,704 bytes.
inline constexpr std::size_t record_id_bytes_max = 32'768;

// Names of objects and columns: schema and table of 63 bytes each and a dot, with room for
// names given by sync_enable.
inline constexpr std::size_t name_bytes_max = 512;

// Client ids stand in every log row and index.
inline constexpr std::size_t client_id_bytes_max = 256;

// user, device and group: labels that are stored with every mutation.
inline constexpr std::size_t label_bytes_max = 256;

// A checkpoint lists the transactions in flight (42 characters each at most, as many as
// max_connections + max_prepared_transactions, in each segment) and the objects with their state.
inline constexpr std::size_t checkpoint_bytes_max = std::size_t{4} << 20;

// Below this, a message is compressed against the dictionary; a larger one soon is its own.
inline constexpr std::size_t frame_dictionary_bytes_max = std::size_t{16} << 10;

// What a frame from the server may grow to on the client: sixteen times a page's values, so that
// every record that a request could carry passes, whatever it weighs; a bomb does not.
inline constexpr std::size_t response_bytes_max = std::size_t{256} << 20;

// zstd's level of frames: higher ones take twice the time for a few per cent of these messages.
inline constexpr int frame_compression_level = 1;

// The largest window a frame may ask for, as a power of two: 8 MB, far more than level 1 uses.
inline constexpr int frame_window_log_max = 23;

// One block of leased keys. An int4 sequence has room for 21,000 of them; a device that inserts
// more between two syncs than this is a bulk load.
inline constexpr std::int64_t leased_ids_max = 100'000;

// Buckets that one question of a verification names; its answer has up to 256 sums for each.
inline constexpr std::size_t digest_buckets_max = 4'096;

// How old the challenge of a login may be, in seconds: a slow network's round trip many times over,
// and short for whoever has listened.
inline constexpr std::int64_t challenge_seconds_max = 60;

// Steps in one answer of sync_history; each may hold two whole rows.
inline constexpr std::int64_t history_steps_max = 1'000;

// A subscription is read and its filters are made into SQL for every page of a pull: lists of
// thousands of keys belong into a table.
inline constexpr std::size_t subscription_bytes_max = std::size_t{256} << 10;
inline constexpr std::size_t filter_bytes_max = std::size_t{64} << 10;

// Tests and values of one filter; PostgreSQL plans each of them for every page.
inline constexpr std::size_t filter_terms_max = 1'000;

// Open parentheses; filters are written by hand and walked by recursion.
inline constexpr int filter_depth_max = 32;

// A channel's name: an object and a short key. It stands in every member and every event.
inline constexpr std::size_t channel_bytes_max = 256;

// The state of a member and the payload of a broadcast, as JSON text: a cursor, a selection, a
// name. What is larger belongs into a record.
inline constexpr std::size_t presence_bytes_max = 1'024;

// Sessions in channels, of the whole server, and channels of one session: all in one block of
// shared memory of 2 MB, which one session must not fill.
inline constexpr int members_max = 1'024;
inline constexpr int channels_per_session_max = 64;

// Shared memory for events, kept for sessions that come late: some 8,000 small ones.
inline constexpr std::size_t event_bytes_kept = std::size_t{1} << 20;

// Records that one call of sync_touch names: one batch of log rows each thousand.
inline constexpr std::size_t touched_records_max = 10'000;

// A text operation with more is no edit of a person; a parsed number takes a hundred bytes, so
// that this many are a hundred megabytes.
inline constexpr std::size_t text_components_max = 1'000'000;

// Revisions that a pushed text operation may be behind. It is transformed over each of them, in the
// push; beyond that the client pulls first, and gets them composed into one.
inline constexpr std::int64_t text_revisions_behind_max = 512;

// Comparisons, beside four for each character, to find what was edited where one text became
// another: some ten milliseconds. What is not found until then is replaced.
inline constexpr std::size_t text_diff_steps_max = std::size_t{4} << 20;

// Text outside ASCII is compared as code points, at four bytes each; what lies between the first
// and the last difference and is larger than this is replaced.
inline constexpr std::size_t text_diff_bytes_max = std::size_t{16} << 20;

}  // namespace objectos::limits
