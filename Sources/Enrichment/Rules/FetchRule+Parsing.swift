// Rollcall · Enrichment

import Basics
import JSONText
import PresenceModel

extension FetchRule {
    /// The bound on the rules of a node, because each rule may fill a cache of its own.
    package static let maximumCount = 32
    /// Members that entries have or may get, so that a later version can add them without breaking a rule.
    fileprivate static let reservedFields = [
        "metas", "key", "session", "topic", "cursor", "stale", "hidden", "online", "last_seen", "next", "counts",
        "enriched",
    ]
    fileprivate static let reservedPrefix = "phx_"

    /// Reads `[{"topics":"*","field":"user","query":"SELECT …","timeout_ms":250,"ttl":60}]`; `field` and `query` are
    /// required.
    ///
    /// Of several rules for one field on a topic the first applies. Throws `.settings` with the rule and the member.
    package static func parse(_ json: [UInt8]) throws(FetchRuleError) -> [FetchRule] {
        let document: JSON
        do throws(InputError) {
            document = try JSON(parsing: json)
        } catch {
            let place = error.pointer.flatMap { $0 == "#" ? nil : " at \($0)" } ?? ""
            throw FetchRuleError(.settings, "the fetch rules are not JSON\(place): \(error.detail)")
        }
        guard let elements = document.elements else {
            throw FetchRuleError(.settings, "the fetch rules must be an array, not \(document.kind)")
        }
        guard elements.count <= maximumCount else {
            throw FetchRuleError(.settings, "there are \(elements.count) fetch rules, the limit is \(maximumCount)")
        }
        var rules: [FetchRule] = []
        for (index, element) in elements.enumerated() {
            let rule = try RuleReader(number: index + 1, element).rule()
            if let twin = rules.firstIndex(where: { $0.topics == rule.topics && $0.field == rule.field }) {
                throw FetchRuleError(
                    .settings,
                    "fetch rule \(index + 1): field: rule \(twin + 1) already gives \(rule.field) to the same topics")
            }
            rules.append(rule)
        }
        return rules
    }
}

/// Reads the members of one rule.
private struct RuleReader {
    private let number: Int
    private let object: JSON

    init(number: Int, _ object: JSON) throws(FetchRuleError) {
        self.number = number
        self.object = object
        guard let members = object.members else {
            throw FetchRuleError(.settings, "fetch rule \(number) must be an object, not \(object.kind)")
        }
        let known = ["topics", "field", "query", "timeout_ms", "ttl"]
        for member in members where !known.contains(where: member.name.isEqual) {
            throw fault(
                String(decoding: member.name.decoded, as: UTF8.self),
                "is not a member of a rule; the members are \(known.joined(separator: ", "))")
        }
    }

    func rule() throws(FetchRuleError) -> FetchRule {
        FetchRule(
            topics: try topics(), field: try field(), query: try query(),
            timeout: .milliseconds(try number("timeout_ms", FetchRule.timeouts, or: 250)),
            ttl: .seconds(try number("ttl", FetchRule.ttls, or: 60)))
    }

    private func topics() throws(FetchRuleError) -> TopicPattern {
        guard let text = try string("topics") else { return .all }
        guard let pattern = TopicPattern(text) else { throw fault("topics", "must have 1 to 256 bytes") }
        return pattern
    }

    private func field() throws(FetchRuleError) -> String {
        guard let name = try string("field") else { throw fault("field", "is missing") }
        if FetchRule.reservedFields.contains(name) || name.utf8.starts(with: FetchRule.reservedPrefix.utf8) {
            let reserved = FetchRule.reservedFields.joined(separator: ", ")
            throw fault(
                "field",
                "cannot be \(name); reserved are \(reserved) and every name that begins with "
                    + FetchRule.reservedPrefix)
        }
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        func isLetter(_ byte: UInt8) -> Bool {
            let ranges = [UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z")]
            return byte == UInt8(ascii: "_") || ranges.contains { $0.contains(byte) }
        }
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ isLetter($0) || isDigit($0) }),
            !name.utf8.prefix(1).contains(where: isDigit)
        else {
            throw fault("field", "must be 1 to 64 letters, digits and underscores, and must not begin with a digit")
        }
        return name
    }

    private func query() throws(FetchRuleError) -> String {
        guard let text = try string("query") else { throw fault("query", "is missing") }
        guard text.contains(where: { !$0.isWhitespace }), !text.utf8.contains(0) else {
            throw fault("query", "must be a statement")
        }
        guard FetchRule.mentions(1, in: text) else {
            throw fault("query", "must use $1, the keys: … WHERE key = ANY($1)")
        }
        return text
    }

    private func string(_ member: String) throws(FetchRuleError) -> String? {
        guard let value = object[member] else { return nil }
        guard let text = value.string else { throw fault(member, "must be a string, not \(value.kind)") }
        return text
    }

    private func number(
        _ member: String, _ range: ClosedRange<Int>, or standard: Int
    ) throws(FetchRuleError) -> Int {
        guard let value = object[member] else { return standard }
        guard let number = value.int, range.contains(number) else {
            throw fault(member, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func fault(_ member: String, _ reason: String) -> FetchRuleError {
        FetchRuleError(.settings, "fetch rule \(number): \(member) \(reason)")
    }
}
