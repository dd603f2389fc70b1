// Rollcall · PresenceServer

import Access
import Basics
import JSONText
import PresenceModel
import PresenceStore
import PresenceText

/// Reads the members of one JSON object and collects every fault, so that one answer lists all of them.
///
/// A member that is null counts as absent: generated clients send null for optional fields. A reading function returns
/// nil for an absent member and for a wrong one. ``check()``, called after all of them, throws if there was a fault.
struct FieldReader {
    /// The members that the object may have.
    private var members: [(name: String, value: JSON)] = []
    private var faults: [InputError] = []
    /// The place of the object in the body.
    private let place: InputError.Location

    /// Refs that `if_match` may have.
    private static let mostRefs = 20

    /// The members of all operations of a batch; a client with one class for all of them sends null for those of the
    /// others.
    private static let operationMembers = ["op", "topic", "key", "session", "meta", "patch", "ttl", "if_match"]

    /// - Parameters:
    ///   - json: The body; nil (an empty body) and null stand for `{}`.
    ///   - names: All members that it may have. Any other is a fault: a misspelt one would be ignored in silence.
    init(_ json: JSON?, allowing names: Set<String>) throws(Problem) {
        let json = json.flatMap { $0.isNull ? nil : $0 } ?? .emptyObject
        guard json.isObject else {
            throw Problem(.invalidBody, at: .pointer("#"), "A JSON object is expected here, not \(json.kind).")
        }
        self.init(object: json, at: .pointer("#"), allowing: names)
    }

    private init(object json: JSON, at place: InputError.Location, allowing names: Set<String>) {
        var members: [(name: String, value: JSON)] = []
        members.reserveCapacity(names.count)
        var faults: [InputError] = []
        json.forEachMember { member in
            if let name = names.first(where: member.name.isEqual) {
                // A body that was parsed without the strict rules may repeat a member.
                if members.contains(where: { $0.name == name }) {
                    faults.append(
                        InputError(.invalid, at: place.member(name), "An object has each member only once."))
                }
                members.append((name, member.value))
            } else if !(member.value.isNull && Self.operationMembers.contains(where: member.name.isEqual)) {
                let name = String(decoding: member.name.decoded, as: UTF8.self)
                let known = names.isEmpty ? "it has none" : "its members are \(names.sorted().joined(separator: ", "))"
                faults.append(
                    InputError(
                        .invalid, at: place.member(name), "\(quoted(name)) is not a member of this object; \(known)."))
            }
            return faults.count < FieldError.mostListed
        }
        self.members = members
        self.faults = faults
        self.place = place
    }

    mutating func topic() -> Topic? { self.name("topic", isRequired: true, Topic.init(_:at:)) }

    /// The key of a write; a user may leave out its own.
    ///
    /// - Throws: If the caller may not write the key.
    mutating func key(of caller: Caller, on topic: Topic) throws(Problem) -> Key? {
        let isNamed = self.optional("key") != nil
        if !isNamed, let own = try caller.key(nil, on: topic) { return own }
        guard let key = self.name("key", isRequired: true, Key.init(_:at:)) else { return nil }
        return try caller.key(key, on: topic)
    }

    mutating func session(isRequired: Bool) -> Session? {
        self.name("session", isRequired: isRequired, Session.init(_:at:))
    }

    mutating func ttl(_ limits: Limits) -> Int? {
        self.read("ttl") { (json, location) throws(InputError) in try limits.ttl(json, at: location) }
    }

    mutating func meta(_ limits: Limits) -> Meta? {
        self.read("meta") { (json, location) throws(InputError) in
            try Meta(json, limit: limits.maximumMetaBytes, at: location)
        }
    }

    /// The member `if_match`: `*`, a ref, or an array of 1 to ``mostRefs`` refs.
    mutating func condition() -> RefCondition? {
        self.read("if_match") { (json, location) throws(InputError) -> RefCondition in
            if json.string == "*" { return .any }
            guard let elements = json.elements(atMost: Self.mostRefs + 1) else {
                let ref = try Self.ref(json, at: location)
                return .oneOf(ref.map { [$0] } ?? [])
            }
            guard 1...Self.mostRefs ~= elements.count else {
                throw InputError(.invalid, at: location, "if_match has 1 to \(Self.mostRefs) refs.")
            }
            var refs: [Ref] = []
            for (index, element) in elements.enumerated() {
                if let ref = try Self.ref(element, at: location.element(index)) { refs.append(ref) }
            }
            return .oneOf(refs)
        }
    }

    /// The member `grace`.
    mutating func grace(_ limits: Limits) -> Int? {
        self.read("grace") { (json, location) throws(InputError) in try limits.grace(json, at: location) }
    }

    /// The member `view`.
    mutating func view() -> View? {
        self.read("view") { (json, location) throws(InputError) -> View in
            guard let view = json.string.flatMap({ View(rawValue: $0) }) else {
                let choices = View.allCases.map(\.rawValue).joined(separator: ", ")
                throw InputError(.invalid, at: location, "view is one of \(choices).")
            }
            return view
        }
    }

    /// The member `key`, of any caller.
    mutating func key() -> Key? { self.name("key", isRequired: true, Key.init(_:at:)) }

    /// The member `sub`, which is a key.
    mutating func subject() -> Key? { self.name("sub", isRequired: false, Key.init(_:at:)) }

    /// The member `jti`, by which a token can be revoked.
    mutating func tokenID() -> String? {
        self.name("jti", isRequired: false) { (text, location) throws(InputError) -> String in
            guard 1...TokenRules.maximumIDBytes ~= text.utf8.count else {
                throw InputError(
                    .invalid, at: location, "A jti has 1 to \(TokenRules.maximumIDBytes) bytes of UTF-8.")
            }
            return text
        }
    }

    /// The member `api_key`, the id of a key.
    mutating func apiKeyID() -> String? {
        self.name("api_key", isRequired: false) { (text, location) throws(InputError) -> String in
            guard APIKey.isID(text) else {
                throw InputError(
                    .invalid, at: location,
                    "api_key is the id of an API key, 8 characters of a–z and 0–9; not the key itself.")
            }
            return text
        }
    }

    /// A member that is a point in time (RFC 3339), in seconds since 1970.
    mutating func time(_ name: String) -> Double? {
        self.name(name, isRequired: false) { (text, location) throws(InputError) -> Double in
            guard let time = Timestamp(text) else {
                throw InputError(.invalid, at: location, "\(name) is a time such as 2030-01-31T12:00:00Z.")
            }
            return Double(time.milliseconds) / 1000
        }
    }

    /// The member `keys`, an array of 1 to `maximum` keys; notes the fault of each key.
    mutating func keys(maximum: Int) -> [Key] { self.names("keys", "A key", maximum: maximum, Key.init(_:at:)) }

    /// The member `topics`, an array of 1 to `maximum` topics; notes the fault of each topic.
    mutating func topics(maximum: Int) -> [Topic] {
        self.names("topics", "A topic", maximum: maximum, Topic.init(_:at:))
    }

    /// Reads a member that is an object, with the faults of its own members; nil if it is absent or wrong.
    mutating func object<Value>(
        _ name: String, allowing names: Set<String>, _ read: (inout FieldReader) throws(Problem) -> Value?
    ) throws(Problem) -> Value? {
        guard let json = self.optional(name) else { return nil }
        guard json.isObject else {
            self.fail("\(name) is an object, not \(json.kind).", at: name)
            return nil
        }
        var inner = FieldReader(object: json, at: self.pointer(name), allowing: names)
        let value = try read(&inner)
        self.faults += inner.faults
        return value
    }

    /// Returns a member as it is; notes a fault if it is absent.
    mutating func required(_ name: String) -> JSON? {
        guard let value = self.optional(name) else {
            let isNull = self.members.contains { $0.name == name }
            self.fail(isNull ? "\(name) is null, but this member is required." : "\(name) is missing.", at: name)
            return nil
        }
        return value
    }

    /// Returns a member as it is; nil if it is absent.
    func optional(_ name: String) -> JSON? {
        guard let value = self.members.first(where: { $0.name == name })?.value, !value.isNull else { return nil }
        return value
    }

    /// Notes a fault of the member `name`, or of the whole object.
    mutating func fail(_ detail: String, at name: String? = nil) {
        let place = name.map { self.place.member($0) } ?? self.place
        self.faults.append(InputError(.invalid, at: place, detail))
    }

    /// Notes the fault that a check of the member `name` finds.
    mutating func check(_ name: String, _ check: (InputError.Location) throws(InputError) -> Void) {
        do {
            try check(self.pointer(name))
        } catch {
            self.faults.append(error)
        }
    }

    /// Throws all faults as one problem.
    func check() throws(Problem) {
        guard let first = self.faults.first else { return }
        let kinds = Set(self.faults.map { ProblemKind($0) })
        // Faults of several kinds make a wrong body.
        let kind = kinds.count == 1 ? ProblemKind(first) : .invalidBody
        let more = self.faults.count == 1 ? "" : " (\(self.faults.count) fields are wrong; see errors.)"
        let listed = self.faults.prefix(FieldError.mostListed)
        throw Problem(kind, first.detail + more, errors: listed.map(FieldError.init))
    }

    private mutating func name<Name>(
        _ name: String, isRequired: Bool, _ make: (String, InputError.Location) throws(InputError) -> Name
    ) -> Name? {
        if isRequired && self.required(name) == nil { return nil }
        return self.read(name) { (json, location) throws(InputError) in
            guard let text = json.string else {
                throw InputError(.invalid, at: location, "\(name) is a string, not \(json.kind).")
            }
            return try make(text, location)
        }
    }

    private mutating func read<Value>(
        _ name: String, _ convert: (JSON, InputError.Location) throws(InputError) -> Value
    ) -> Value? {
        guard let json = self.optional(name) else { return nil }
        return self.convert(json, at: self.pointer(name), convert)
    }

    private mutating func names<Name>(
        _ name: String, _ noun: String, maximum: Int, _ make: (String, InputError.Location) throws(InputError) -> Name
    ) -> [Name] {
        guard let list = self.required(name) else { return [] }
        guard let elements = list.elements(atMost: maximum + 1) else {
            self.fail("\(name) is an array of strings, not \(list.kind).", at: name)
            return []
        }
        guard 1...maximum ~= elements.count else {
            let found = elements.isEmpty ? "this one has none" : "this one has more"
            self.fail("\(name) has 1 to \(maximum) elements; \(found).", at: name)
            return []
        }
        var names: [Name] = []
        for (index, element) in elements.enumerated() {
            let converted = self.convert(element, at: self.pointer(name).element(index)) {
                (json, location) throws(InputError) in
                guard let text = json.string else {
                    throw InputError(.invalid, at: location, "\(noun) is a string, not \(json.kind).")
                }
                return try make(text, location)
            }
            if let converted { names.append(converted) }
        }
        return names
    }

    private mutating func convert<Value>(
        _ json: JSON, at location: InputError.Location,
        _ convert: (JSON, InputError.Location) throws(InputError) -> Value
    ) -> Value? {
        do {
            return try convert(json, location)
        } catch {
            self.faults.append(error)
            return nil
        }
    }

    /// Reads a ref of `if_match`; returns nil for a ref of a length that no presence can have.
    private static func ref(_ json: JSON, at location: InputError.Location) throws(InputError) -> Ref? {
        guard let text = json.string else {
            throw InputError(
                .invalid, at: location, "if_match is *, a phx_ref or an array of them, not \(json.kind).")
        }
        guard 1...64 ~= text.utf8.count, text.utf8.allSatisfy(Base64URL.contains) else {
            throw InputError(
                .invalid, at: location,
                "A ref in if_match is a phx_ref without quotes: 1 to 64 characters of A–Z, a–z, 0–9, - and _.")
        }
        return Ref(utf8: text.utf8)
    }

    private func pointer(_ name: String) -> InputError.Location { self.place.member(name) }
}
