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

    @Test func `sockets that write only diffs differently share one state`() {
        let sockets = socketFormats
        #expect(Set(sockets).count == 120)
        var cache = StateCache()
        for format in formats + sockets {
            let shared = format.ofStates
            cache.keep([shared: ByteBuffer(string: "\(shared)")], cache.version, until: nil)
        }
        // Sockets: two forms and two prefixes, of the keys, the numbers, and the metas with and without extras.
        #expect(cache.frames.count == 9 + 16)
        for format in formats + sockets {
            #expect(cache[format].map { String(buffer: $0) } == "\(format.ofStates)")
            #expect(format.ofStates.ofStates == format.ofStates && format.ofStates.showsData == format.showsData)
        }
    }

    private var socketFormats: [FrameFormat] {
        var formats: [FrameFormat] = []
        for view in View.allCases {
            for prefix in TopicPrefix.allCases {
                for flags in 0..<32 {
                    let format = SocketFormat(
                        form: flags & 1 == 0 ? .object : .array, topicPrefix: prefix, showsReasons: flags & 2 == 0,
                        showsExtras: flags & 4 == 0, splitsDiffs: flags & 8 == 0, stampsDiffs: flags & 16 == 0)
                    formats.append(FrameFormat(view: view, socket: format))
                }
            }
        }
        return formats
    }
}
