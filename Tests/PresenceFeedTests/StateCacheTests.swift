// Rollcall · PresenceFeedTests

import NIOCore
import PresenceText
import Testing

@testable import PresenceFeed

@Suite("Encoded states")
struct StateCacheTests {
    private let formats = View.allCases.flatMap { view in
        [FrameFormat(view: view), FrameFormat(view: view, hasID: false), FrameFormat(view: view, isWrapped: true)]
    }

    @Test func `a topic keeps one encoded state for each format, until its next change`() {
        var cache = StateCache()
        for number in 0..<100 {
            for format in formats { cache.keep([format: ByteBuffer(string: "\(number)")], cache.version, until: nil) }
        }
        #expect(cache.frames.count == 9 && Set(cache.frames.keys) == Set(formats))
        #expect(cache.frames.values.allSatisfy { String(buffer: $0) == "99" })
        let version = cache.version
        cache.clear()
        #expect(cache.frames.isEmpty)
        // A state that was encoded before the change.
        cache.keep([formats[0]: ByteBuffer(string: "old")], version, until: nil)
        #expect(cache.frames.isEmpty)
    }
}
