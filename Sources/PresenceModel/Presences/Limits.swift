// Rollcall · PresenceModel

package import Basics
package import JSONText

/// The bounds that settings change, and the checks against them.
package struct Limits: Hashable, Sendable {
    /// Levels of objects and arrays in a meta; the meta itself is the first.
    ///
    /// No setting changes it: readers with a limit of 64 levels must be able to read metas and the levels around them.
    package static let metaDepth = 32
    /// Levels of objects and arrays in a request's body.
    ///
    /// Only metas are nested. The limit is high enough that the error about a deep meta comes from ``Meta`` and names
    /// it.
    package static let bodyDepth = 1 << 16
    /// Levels that a reader of Rollcall's answers must accept: metas, and the levels around them.
    package static let answerDepth = 128

    /// The most bytes of a meta's compact text.
    package var maximumMetaBytes: Int
    /// The whole seconds that a lease may last.
    package var ttl: ClosedRange<Int>
    /// Seconds of a lease when the request has no `ttl`.
    package var defaultTTL: Int
    /// The whole seconds that a presence may outlive its last stream.
    package var grace: ClosedRange<Int>
    /// Seconds of grace when the request has no `grace`.
    package var defaultGrace: Int
    /// The most operations of one batch.
    package var batchOperations: Int

    package init(
        maximumMetaBytes: Int = 4096, ttl: ClosedRange<Int> = 5...300, defaultTTL: Int = 30,
        grace: ClosedRange<Int> = 0...60, defaultGrace: Int = 5, batchOperations: Int = 500
    ) {
        self.maximumMetaBytes = maximumMetaBytes
        self.ttl = ttl
        self.defaultTTL = defaultTTL
        self.grace = grace
        self.defaultGrace = defaultGrace
        self.batchOperations = batchOperations
    }

    /// Returns the seconds of a `ttl` member; throws unless it is a whole number within bounds.
    package func ttl(
        _ json: JSON, at location: InputError.Location = .pointer("#/ttl")
    ) throws(InputError) -> Int {
        guard let seconds = json.int, ttl.contains(seconds) else {
            throw InputError(
                .invalid, at: location,
                "A ttl is a whole number of seconds from \(ttl.lowerBound) to \(ttl.upperBound).")
        }
        return seconds
    }

    /// Returns the seconds of a `grace` parameter; throws unless it is a whole number within bounds.
    package func grace(
        _ text: String, at location: InputError.Location = .parameter("grace")
    ) throws(InputError) -> Int {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw InputError(.malformed, at: location, graceDetail)
        }
        guard let seconds = decimal(text.utf8), grace.contains(seconds) else {
            throw InputError(.invalid, at: location, graceDetail)
        }
        return seconds
    }

    /// Returns the seconds of a `grace` member; throws unless it is a whole number within bounds.
    package func grace(
        _ json: JSON, at location: InputError.Location = .pointer("#/grace")
    ) throws(InputError) -> Int {
        guard let seconds = json.int, grace.contains(seconds) else {
            throw InputError(.invalid, at: location, graceDetail)
        }
        return seconds
    }

    private var graceDetail: String {
        "A grace is a whole number of seconds from \(grace.lowerBound) to \(grace.upperBound)."
    }
}
