// Rollcall · Access

package import Basics
package import JSONText

/// All that a credential allows.
package struct Rights: Sendable {
    package var topics = NamePatterns<TopicRight>()
    /// The keys that may be followed on all topics.
    package var keys = NamePatterns<Bool>()
    package var service: Set<ServiceRight> = []

    package init() {}

    /// The rights on a topic; none without a pattern that matches it.
    package func on(_ topic: String) -> TopicRight { topics.value(of: topic) ?? .none }
}

extension Rights {
    /// The kind of credential, which decides the rights that it may have.
    package enum Holder: Sendable {
        /// A token of a user, made by a backend.
        case token
        /// An API key of a backend, made by an operator.
        case apiKey
    }

    /// The most patterns that one credential may have.
    ///
    /// A request compares a name with each prefix in turn.
    package static let maximumPatterns = 1_000

    /// Reads rights: `{"topics": {"lobby": ["see:count"]}, "topic_prefixes": {"room:": ["track", "see"]}}`.
    ///
    /// - Parameter ignored: Members beside the rights.
    /// - Throws: `invalid` at the member, for a right that does not exist or that the holder cannot have.
    package init(
        _ json: JSON, of holder: Holder, at location: InputError.Location = .pointer("#"),
        ignoring ignored: Set<String> = []
    ) throws(InputError) {
        self.init()
        var count = 0
        for member in try Self.members(of: json, at: location) {
            let name = String(decoding: member.name.decoded, as: UTF8.self)
            let place = location.member(name)
            switch name {
            case "topics", "topic_prefixes":
                for (pattern, words, place) in try Self.patterns(member.value, at: place, count: &count) {
                    let right = try TopicRight(words, of: holder, at: place)
                    if name == "topics" {
                        topics.set(right, for: pattern)
                    } else {
                        topics.set(right, forPrefix: pattern)
                    }
                }
            case "keys", "key_prefixes":
                for (pattern, words, place) in try Self.patterns(member.value, at: place, count: &count) {
                    guard words == ["see"] else { throw Self.fault("A key has the right see only.", at: place) }
                    if name == "keys" { keys.set(true, for: pattern) } else { keys.set(true, forPrefix: pattern) }
                }
            case "service" where holder == .apiKey:
                service = try Self.service(member.value, at: place)
            case "service":
                throw Self.fault("Only an API key has service rights.", at: place)
            case _ where ignored.contains(name): break
            default:
                throw Self.fault(
                    "Rights are topics, topic_prefixes, keys, key_prefixes and, of an API key, service.", at: place)
            }
        }
    }

    private static func members(of json: JSON, at place: InputError.Location) throws(InputError) -> [JSON.Member] {
        guard let members = json.members else { throw fault("This is an object, not \(json.kind).", at: place) }
        return members
    }

    private static func patterns(
        _ json: JSON, at place: InputError.Location, count: inout Int
    ) throws(InputError) -> [(pattern: String, words: [String], place: InputError.Location)] {
        var patterns: [(String, [String], InputError.Location)] = []
        for member in try members(of: json, at: place) {
            let place = place.member(String(decoding: member.name.decoded, as: UTF8.self))
            guard let pattern = member.name.string else { throw fault("A pattern is Unicode text.", at: place) }
            patterns.append((pattern, try words(member.value, at: place), place))
            count += 1
        }
        guard count <= maximumPatterns else {
            throw fault("A credential has at most \(maximumPatterns) patterns.", at: place)
        }
        return patterns
    }

    private static func service(_ json: JSON, at place: InputError.Location) throws(InputError) -> Set<ServiceRight> {
        var rights: Set<ServiceRight> = []
        for word in try words(json, at: place) {
            guard let right = ServiceRight(rawValue: word) else {
                let known = ServiceRight.allCases.map(\.rawValue).joined(separator: ", ")
                throw fault("A service right is one of \(known).", at: place)
            }
            rights.insert(right)
        }
        return rights
    }

    fileprivate static func words(_ json: JSON, at place: InputError.Location) throws(InputError) -> [String] {
        guard let elements = json.elements else {
            throw fault("Rights are an array of words, not \(json.kind).", at: place)
        }
        var words: [String] = []
        for element in elements {
            guard let word = element.string else { throw fault("A right is a word, not \(element.kind).", at: place) }
            words.append(word)
        }
        return words
    }

    fileprivate static func fault(_ detail: String, at place: InputError.Location) -> InputError {
        InputError(.invalid, at: place, detail)
    }
}

extension TopicRight {
    /// Reads the rights of one pattern, such as `["track", "see:keys"]`.
    fileprivate init(_ words: [String], of holder: Rights.Holder, at place: InputError.Location) throws(InputError) {
        self.init()
        for word in words {
            switch word {
            case "track": track = max(track, .own)
            case "track:any" where holder == .apiKey: track = .any
            case "track:any": throw Rights.fault("Only an API key has the right track:any.", at: place)
            default:
                guard let level = See.allCases.dropFirst().first(where: { $0.word == word }) else {
                    let own = holder == .apiKey ? "track, track:any" : "track"
                    throw Rights.fault("A right on topics is one of \(own), see:count, see:keys and see.", at: place)
                }
                see = max(see, level)
            }
        }
    }
}
