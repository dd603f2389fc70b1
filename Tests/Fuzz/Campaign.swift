// Rollcall · fuzz

import Foundation

/// Runs rounds of one parser until it has had `count` inputs.
struct Campaign {
    /// The bytes by which the peak of the process may grow after the first tenth of the inputs.
    ///
    /// By then each kind of input has come many times.
    private static let growth = 64 << 20

    let subject: Subject
    let seed: UInt64
    let count: Int

    /// Returns a line with the result; throws a ``Finding``.
    func run() throws -> String {
        let start = ContinuousClock.now
        var (inputs, accepted, seed) = (0, 0, seed)
        var early: Int?
        while inputs < count {
            Sentinel.begin(subject, seed: seed)
            var round = Round(seed: seed)
            do {
                try subject.round(&round)
            } catch {
                var finding = error as? Finding ?? round.finding("the parser throws \(error)")
                finding.repetition = Sentinel.repetition(subject, seed: seed)
                throw finding
            }
            inputs += round.inputs
            accepted += round.accepted
            seed &+= 1
            if early == nil, inputs >= count / 10 { early = Self.peak }
        }
        let peak = Self.peak
        guard peak - (early ?? peak) <= Self.growth else {
            throw Finding(what: "\(subject.name): the memory grew from \(early ?? 0) to \(peak) bytes", input: [])
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return "\(subject.name): \(inputs) inputs, \(accepted * 100 / inputs) % accepted, "
            + "\(Int(seconds * 10)) tenths of a second, peak \(peak >> 20) MiB"
    }

    /// The most memory that the process has had, in bytes.
    private static var peak: Int {
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss << 10  // in KiB there, in bytes on macOS
        #else
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss
        #endif
    }
}
