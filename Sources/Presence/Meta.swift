// Rollcall · Presence

/// What a presence says about itself: a JSON object, kept as its text, without insignificant white space.
///
/// Equal metas have the same bytes: `1.0` and `1` differ, and so do two orders of members.
package struct Meta: Hashable, Sendable {
    /// The compact text, from `{` to `}`.
    package let json: [UInt8]

    /// `{}`.
    package static let empty = Meta(stored: [UInt8(ascii: "{"), UInt8(ascii: "}")])

    /// Takes a meta from a caller.
    ///
    /// Throws when it is no object, carries a member that is ours, or is longer than `limit` bytes of compact text.
    package init(
        _ json: JSON, limit: Int, at location: PresenceError.Location = .pointer("#/meta")
    ) throws(PresenceError) {
        guard let members = json.members else {
            throw PresenceError(.invalid, at: location, "A meta is a JSON object, not \(json.kind).")
        }
        try Self.refuseReserved(members, at: location)
        try self.init(compacting: json, limit: limit, at: location)
    }

    /// Takes the compact text of an object that came from here; does not look at it.
    package init(stored json: [UInt8]) {
        self.json = json
    }

    private init(
        compacting json: JSON, limit: Int, at location: PresenceError.Location
    ) throws(PresenceError) {
        var text: [UInt8] = []
        json.write(to: &text)
        guard text.count <= limit else {
            throw PresenceError(
                .tooLarge, at: location,
                "A meta has at most \(limit) bytes of JSON without white space; this one has \(text.count).")
        }
        self.json = text
    }

    package var isEmpty: Bool { json.count <= 2 }

    /// Returns the meta as an RFC 7396 patch changes it; what the patch does not touch keeps its text.
    ///
    /// Throws when the patch is no object, names a member that is ours, or makes the meta longer than `limit`.
    package func patched(
        by patch: JSON, limit: Int, at location: PresenceError.Location = .pointer("#")
    ) throws(PresenceError) -> Meta {
        guard let members = patch.members else {
            throw PresenceError(.invalid, at: location, "A patch of a meta is a JSON object, not \(patch.kind).")
        }
        try Self.refuseReserved(members, at: location)
        let stored: JSON
        do {
            stored = try JSON(parsing: json)
        } catch {
            throw PresenceError(.corrupt, at: location, "The stored meta cannot be read: \(error.detail)")
        }
        return try Meta(compacting: stored.merged(with: patch), limit: limit, at: location)
    }

    private static func refuseReserved(
        _ members: [JSON.Member], at location: PresenceError.Location
    ) throws(PresenceError) {
        for index in members.indices {
            for name in ["phx_ref", "phx_ref_prev"] where members[index].name.isEqual(to: name) {
                throw PresenceError(
                    .invalid, at: location.member(name), "The member \(name) is set by the service; leave it out.")
            }
        }
    }
}
