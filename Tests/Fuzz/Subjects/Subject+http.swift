// Rollcall · fuzz

import Access
import Basics
import HTTPTypes
import JSONText
import PresenceModel
import PresenceText
import RandomInput

import PresenceServer
import PresenceStore

/// Paths, queries and header fields.
extension Subject {
    private static let template = PathTemplate("/v1/topics/{topic}/presences/{key}/{session}/heartbeat")

    /// Paths: encoded names are read back, and each accepted name can be encoded and read back.
    static let paths = Subject("paths") { round in
        let (topic, member) = (round.random.topic(), round.random.member())
        let names = [topic.text, member.key.text, member.session.text].map(PercentEncoding.encode)
        let path = Array("/v1/topics/\(names[0])/presences/\(names[1])/\(names[2])/heartbeat".utf8)
        try round.feed(path) { round, bytes in
            let parameters = template.match(PathTemplate.split(String(decoding: bytes, as: UTF8.self)))
            let read = (try parameters?.topic(), try parameters?.member())
            try round.expect(read.0 == topic && read.1 == member, "names are not read back from a path")
            return true
        }
        try round.damage(path, "/%20FfCc+:.?#") { round, bytes in
            guard let parameters = template.match(PathTemplate.split(String(decoding: bytes, as: UTF8.self))) else {
                return false
            }
            do {
                for name in ["topic", "key", "session"] {
                    let text = try parameters.text(name)
                    let again = try PercentEncoding.decode(PercentEncoding.encode(text)[...])
                    try round.expect(again.utf8.elementsEqual(text.utf8), "“\(text)” is not read back")
                }
                _ = (try parameters.topic(), try parameters.member())
                return true
            } catch let problem as Problem {
                try round.expect(problem.isReadable, "a problem is no JSON: \(problem.detail)")
                return false
            }
        }
    }

    /// Queries: encoded parameters are read back in their order.
    static let queries = Subject("queries") { round in
        let names = ["topic", "view", "limit", "since", "", "ü"]
        let pairs = (0..<round.random.below(6)).map { _ in (round.random.pick(names), round.random.name()) }
        let query = pairs.map { name, value in
            let value = PercentEncoding.encode(value)
            return
                "\(PercentEncoding.encode(name))=\(value.split(separator: "%20", omittingEmptySubsequences: false).joined(separator: "+"))"
        }
        let bytes = Array(query.joined(separator: "&").utf8)
        try round.feed(bytes) { round, bytes in
            let read = try QueryParameters(String(decoding: bytes, as: UTF8.self))
            for name in names {
                let values = pairs.filter { $0.0 == name }.map { Array($0.1.utf8) }
                try round.expect(read.all(name).map { Array($0.utf8) } == values, "\(name) is not read back")
            }
            return true
        }
        try round.damage(bytes, "&=%20+;#topicviewlmtfkey") { round, bytes in
            do {
                let read = try QueryParameters(String(decoding: bytes, as: UTF8.self))
                try read.requireOnly(["topic", "view", "limit", "since"])
                _ = (try read.int("limit", in: 1...100), try read.choice("view", of: View.self))
                _ = (try read.one("since"), try read.name("topic", Topic.init(_:at:)))
                return true
            } catch let problem as Problem {
                try round.expect(problem.isReadable, "a problem is no JSON: \(problem.detail)")
                return false
            }
        }
    }

    /// Fields of proxies: the address that a proxy adds is read back behind anything that a client has sent.
    static let proxies = Subject("proxies") { round in
        let addresses = ["192.0.2.7", "192.0.2.7:80", "2001:db8::7", "[2001:db8::7]:80"]
        let hops = (0...round.random.below(4)).map { _ in round.random.pick(addresses) }
        let field = Array(hops.joined(separator: ", ").utf8)
        try round.feed(field) { round, bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let read = ForwardedFields.addresses(inForwardedFor: [text])
            try round.expect(read.count == hops.count && !read.contains(nil), "an address is not read")
            let elements = hops.map { #"for="\#($0)";proto=https"# }.joined(separator: ",")
            let structured = ForwardedFields.addresses(inForwarded: [elements])
            try round.expect(structured == read, "an element is not read as the other field")
            return true
        }
        try round.damage(field, "\",;=[]:. for") { round, bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let behind = text + ", 203.0.113.7"
            let read = ForwardedFields.addresses(inForwardedFor: [behind])
            let isLong = behind.utf8.count > ForwardedFields.maximumBytes
            try round.expect(isLong || read.last == ClientAddress("203.0.113.7"), "a client hides its proxy's entry")
            return ForwardedFields.addresses(inForwarded: [text]).contains { $0 != nil }
        }
    }

    /// Entity tags: a list matches each of its tags, a ref only its own tag.
    static let tags = Subject("tags") { round in
        let ref = Ref.random(using: &round.random)
        let cursors = (0...round.random.below(4)).map { _ in EntityTag.of(round.random.cursor()) }
        let field = Array(cursors.map { (round.random.chance(30) ? "W/" : "") + $0 }.joined(separator: ", ").utf8)
        try round.feed(field) { round, bytes in
            let tags = IfNoneMatch([.ifNoneMatch: String(decoding: bytes, as: UTF8.self)])
            try round.expect(cursors.allSatisfy { tags?.matches($0) == true }, "a tag is not found")
            try round.expect(tags?.matches(EntityTag.of(ref)) == false, "an absent tag is found")
            try round.expect(
                RefCondition(ifMatch: [.ifMatch: EntityTag.of(ref)]) == .oneOf([ref]),
                "a ref is not read as it was written")
            return true
        }
        try round.damage(field, "\"W/*, \t") { round, bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = IfNoneMatch([.ifNoneMatch: text])?.matches(cursors[0])
            do throws(Problem) {
                return try RefCondition(ifMatch: [.ifMatch: text]) != nil
            } catch {
                try round.expect(error.isReadable, "a problem is no JSON: \(error.detail)")
                return false
            }
        }
    }
}
