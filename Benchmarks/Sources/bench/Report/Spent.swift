// Rollcall · bench

/// CPU seconds of the processes of the server, of Redis and of the load generator, and the seconds that passed.
struct Spent {
    var server = 0.0
    var redis = 0.0
    var load = 0.0
    var seconds = 0.0

    static func += (sum: inout Spent, more: Spent) {
        sum.server += more.server
        sum.redis += more.redis
        sum.load += more.load
        sum.seconds += more.seconds
    }
}
