// Rollcall · PresenceServer

import Access

/// The credential that opened a stream, and what is left to do before it ends.
struct StreamCredential {
    enum Step: Equatable {
        /// To send `expiring` with the time of the end, in seconds since 1970.
        case announce(end: Double)
        /// To end the stream.
        case end
    }

    let caller: Caller
    private let end: Double?
    private var isAnnounced = false

    /// Seconds between the announcement and the end.
    static let notice = 60.0

    /// - Parameter now: Seconds since 1970.
    init(_ caller: Caller, at now: Double) {
        self.caller = caller.kept
        end = caller.end(at: now)
    }

    /// Whether it has ended, so that the stream may send nothing of its topics.
    func hasEnded(at now: Double) -> Bool { end.map { $0 <= now } ?? false }

    /// The time of the next step, in seconds since 1970; nil for a credential without an end.
    var nextStep: Double? { end.map { isAnnounced ? $0 : $0 - Self.notice } }

    /// Takes the next step, when its time has come.
    mutating func step() -> Step? {
        guard let end else { return nil }
        if isAnnounced { return .end }
        isAnnounced = true
        return .announce(end: end)
    }
}
