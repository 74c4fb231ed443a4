// The notifier: a background worker of a database that somebody listens in. It sends the NOTIFY
// that writers do not send, one for all commits that came while it paused.
//
// It is started by a listener or a commit (live_slots.h), goes when nothing was committed for some
// seconds, so that the database can be dropped or copied, and goes in peace when it is terminated.
// What it sends carries no data and may be lost with it: whoever starts to listen pulls first.
//
// A prepared transaction commits in a session that knows nothing of ours, so the notifier looks
// after those that are prepared until they are gone.
#pragma once
