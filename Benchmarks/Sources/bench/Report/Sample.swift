// Rollcall · bench

/// One measurement.
struct Sample: Codable {
    let suite: String
    let subject: Subject
    let size: Int
    let run: Int
    let figures: Figures
}
