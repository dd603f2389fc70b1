// Rollcall · Enrichment

package import Presence

extension TopicPattern {
    package func matches(_ topic: Topic) -> Bool {
        var (pattern, rest) = (Substring(text).utf8, Substring(topic.text).utf8)
        // Where to go on when what follows the last star does not fit: after that star, one byte further in the topic.
        // A star before it need never take more, for whatever it could give away the last one can take.
        var retry: (pattern: Substring.UTF8View, rest: Substring.UTF8View)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern.removeFirst()
                if pattern.isEmpty { return true }
                retry = (pattern, rest)
            } else if let byte = rest.first, byte == pattern.first {
                pattern.removeFirst()
                rest.removeFirst()
            } else if pattern.isEmpty, rest.isEmpty {
                return true
            } else if let (afterStar, from) = retry, !from.isEmpty {
                retry = (afterStar, from.dropFirst())
                (pattern, rest) = (afterStar, from.dropFirst())
            } else {
                return false
            }
        }
    }
}
