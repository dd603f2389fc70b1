// Rollcall · bench

/// CPU seconds of the server's processes, of Redis and of the load generator, and the time they took.
struct Spent {
    let server: Double
    let redis: Double
    let load: Double
    let seconds: Double
}
