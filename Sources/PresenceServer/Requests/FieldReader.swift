// Rollcall · PresenceServer

import Presence

/// Reads the members of one JSON object and gathers every fault, so that a client hears of all of them at once.
///
/// A reading function gives nil both for a member that is not there and for one that is wrong; ``check()``, called after
/// all of them, throws if anything was wrong.
struct FieldReader {
    private let object: JSON
    private var faults: [PresenceError] = []

    /// - Parameters:
    ///   - json: The body; nil, an empty one, stands for `{}`.
    ///   - names: All members it may have. Any other is a fault: a misspelt one would be ignored in silence.
    init(_ json: JSON?, allowing names: Set<String>) throws(Problem) {
        self.object = json ?? .object([])
        guard let members = self.object.members else {
            throw Problem(.invalidBody, at: .pointer("#"), "A JSON object is expected here, not \(self.object.kind).")
        }
        for member in members {
            let name = String(decoding: member.name.decoded, as: UTF8.self)
            guard !names.contains(name) else { continue }
            guard self.faults.count < FieldError.mostListed else { break }
            let known = names.isEmpty ? "none are" : "known are \(names.sorted().joined(separator: ", "))"
            self.faults.append(
                PresenceError(.invalid, at: Self.pointer(name), "\(excerpt(name)) is not a member here; \(known)."))
        }
    }

    mutating func topic() -> Topic? { self.name("topic", isRequired: true, Topic.init(_:at:)) }
    mutating func key() -> Key? { self.name("key", isRequired: true, Key.init(_:at:)) }
    mutating func session(isRequired: Bool) -> Session? {
        self.name("session", isRequired: isRequired, Session.init(_:at:))
    }

    mutating func ttl(_ limits: Limits) -> Int? {
        self.read("ttl") { (json, location) throws(PresenceError) in try limits.ttl(json, at: location) }
    }

    mutating func meta(_ limits: Limits) -> Meta? {
        self.read("meta") { (json, location) throws(PresenceError) in
            try Meta(json, limit: limits.metaBytes, at: location)
        }
    }

    /// The member `keys`: an array of 1 to `maximum` keys, of which each fault is noted.
    mutating func keys(maximum: Int) -> [Key] {
        guard let list = self.required("keys") else { return [] }
        guard let elements = list.elements else {
            self.fail("keys is an array of strings, not \(list.kind).", at: "keys")
            return []
        }
        guard 1...maximum ~= elements.count else {
            self.fail("keys has 1 to \(maximum) elements; this one has \(elements.count).", at: "keys")
            return []
        }
        return elements.enumerated().compactMap { index, element in
            self.convert(element, at: Self.pointer("keys").element(index)) { (json, location) throws(PresenceError) in
                guard let text = json.string else {
                    throw PresenceError(.invalid, at: location, "A key is a string, not \(json.kind).")
                }
                return try Key(text, at: location)
            }
        }
    }

    /// Gives a member as it is; a missing one is a fault.
    mutating func required(_ name: String) -> JSON? {
        let value = self.object[name]
        if value == nil { self.fail("\(name) is missing.", at: name) }
        return value
    }

    /// Gives a member as it is.
    func optional(_ name: String) -> JSON? { self.object[name] }

    /// Notes a fault of the member `name`, or of the whole object.
    mutating func fail(_ detail: String, at name: String? = nil) {
        self.faults.append(PresenceError(.invalid, at: name.map(Self.pointer) ?? .pointer("#"), detail))
    }

    /// Notes the fault that a check of the member `name` finds.
    mutating func check(_ name: String, _ check: (PresenceError.Location) throws(PresenceError) -> Void) {
        do {
            try check(Self.pointer(name))
        } catch {
            self.faults.append(error)
        }
    }

    /// Throws everything that was wrong as one problem.
    func check() throws(Problem) {
        guard let first = self.faults.first else { return }
        let kinds = Set(self.faults.map { ProblemKind($0) })
        // Faults of several kinds are, together, a wrong body.
        let kind = kinds.count == 1 ? ProblemKind(first) : .invalidBody
        let more = self.faults.count == 1 ? "" : " (\(self.faults.count) fields are wrong; see errors.)"
        throw Problem(kind, first.detail + more, errors: self.faults.map(FieldError.init))
    }

    private mutating func name<Name>(
        _ name: String, isRequired: Bool, _ make: (String, PresenceError.Location) throws(PresenceError) -> Name
    ) -> Name? {
        if isRequired && self.required(name) == nil { return nil }
        return self.read(name) { (json, location) throws(PresenceError) in
            guard let text = json.string else {
                throw PresenceError(.invalid, at: location, "\(name) is a string, not \(json.kind).")
            }
            return try make(text, location)
        }
    }

    private mutating func read<Value>(
        _ name: String, _ convert: (JSON, PresenceError.Location) throws(PresenceError) -> Value
    ) -> Value? {
        guard let json = self.object[name] else { return nil }
        return self.convert(json, at: Self.pointer(name), convert)
    }

    private mutating func convert<Value>(
        _ json: JSON, at location: PresenceError.Location,
        _ convert: (JSON, PresenceError.Location) throws(PresenceError) -> Value
    ) -> Value? {
        do {
            return try convert(json, location)
        } catch {
            self.faults.append(error)
            return nil
        }
    }

    private static func pointer(_ name: String) -> PresenceError.Location {
        PresenceError.Location.pointer("#").member(name)
    }
}
