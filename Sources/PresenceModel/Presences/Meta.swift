// Rollcall · PresenceModel

package import Basics
package import JSONText

/// The JSON object that a client gives a presence, kept as text without insignificant white space.
///
/// Characters that split lines for some readers, and DEL and C1 controls, are kept as escapes (``SafeJSON``).
/// Equal metas have the same bytes: `1.0` and `1` differ, and so do two orders of members.
package struct Meta: Hashable, Sendable {
    /// The compact text, from `{` to `}`.
    package let json: [UInt8]
    /// Whether the text is its own safe form (``SafeJSON``); false for some that older versions stored.
    private let isSafe: Bool

    /// The text as readers get it.
    package var shown: [UInt8] { isSafe ? json : SafeJSON.escaped(json) ?? json }

    /// `{}`.
    package static let empty = Meta(stored: [UInt8(ascii: "{"), UInt8(ascii: "}")])

    /// Checks a meta from a caller.
    ///
    /// Throws when it is no object, has a member that the service sets, has U+0000 in its text, is nested more than
    /// ``Limits/metaDepth`` levels deep, or is longer than `limit` bytes as it is kept.
    package init(
        _ json: JSON, limit: Int, at location: InputError.Location = .pointer("#/meta")
    ) throws(InputError) {
        try Self.check(json, "A meta", at: location)
        try self.init(keeping: json, limit: limit, at: location)
    }

    /// Keeps the compact text of a stored object as it is; ``shown`` is its safe form.
    package init(stored json: [UInt8]) {
        self.json = json
        isSafe = SafeJSON.isSafe(json)
    }

    private init(keeping json: JSON, limit: Int, at location: InputError.Location) throws(InputError) {
        let text = json.safe
        guard text.count <= limit else {
            throw InputError(
                .tooLarge, at: location,
                "A meta has at most \(limit) bytes of JSON without white space; this one has \(text.count).")
        }
        self.json = text
        isSafe = true
    }

    package var isEmpty: Bool { json.count <= 2 }

    /// Throws `invalid` for a patch that is wrong for every meta.
    package static func checkPatch(_ patch: JSON, at location: InputError.Location = .pointer("#"))
        throws(InputError)
    {
        try check(patch, "A patch of a meta", at: location)
    }

    /// Returns the meta after an RFC 7396 patch; untouched members keep their text.
    ///
    /// Throws the errors of ``checkPatch(_:at:)``, `tooLarge` for a result of more than `limit` bytes, `invalid` for
    /// one that is too deep, and `corrupt` for a stored meta that cannot be read.
    package func patched(
        by patch: JSON, limit: Int, at location: InputError.Location = .pointer("#")
    ) throws(InputError) -> Meta {
        try Self.checkPatch(patch, at: location)
        let stored: JSON
        do {
            stored = try JSON(parsing: shown, maximumDepth: Limits.bodyDepth)
        } catch {
            throw InputError(.corrupt, at: location, "The stored meta cannot be read: \(error.detail)")
        }
        let merged = stored.merged(with: patch)
        try Self.checkDepth(merged, "A meta", at: location)
        return try Meta(keeping: merged, limit: limit, at: location)
    }

    private static func check(
        _ json: JSON, _ noun: StaticString, at location: InputError.Location
    ) throws(InputError) {
        guard json.isObject else {
            throw InputError(.invalid, at: location, "\(noun) is a JSON object, not \(json.kind).")
        }
        try refuseReserved(json, at: location)
        if let place = json.firstNUL(at: location) {
            throw InputError(
                .invalid, at: place,
                "A meta has no U+0000 in its text, since readers such as PostgreSQL's jsonb refuse it.")
        }
        try checkDepth(json, noun, at: location)
    }

    private static func checkDepth(
        _ json: JSON, _ noun: StaticString, at location: InputError.Location
    ) throws(InputError) {
        guard let depth = json.depth(above: Limits.metaDepth) else { return }
        throw InputError(
            .invalid, at: location,
            "\(noun) is at most \(Limits.metaDepth) levels of objects and arrays deep; this one is \(depth) deep.")
    }

    private static func refuseReserved(_ json: JSON, at location: InputError.Location) throws(InputError) {
        var found: String?
        json.forEachMember { member in
            // A name without escapes that does not begin with `p` needs no comparison.
            guard member.name.hasEscapes || member.name.raw.first == UInt8(ascii: "p") else { return true }
            found = ["phx_ref", "phx_ref_prev"].first { member.name.isEqual(to: $0) }
            return found == nil
        }
        if let found {
            throw InputError(
                .invalid, at: location.member(found), "The member \(found) is set by the service; leave it out.")
        }
    }
}
