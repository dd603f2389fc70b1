// Rollcall · Presence

extension JSON {
    /// Returns the value as a merge patch (RFC 7396) changes it.
    ///
    /// Members keep their place, and their text where the patch does not touch them; new ones come last, in the order
    /// of the patch.
    package func merged(with patch: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        var members = members?.map(Optional.some) ?? []
        let find = Self.finder(of: changes.count, in: members)
        for change in changes {
            let position = find(change.name)
            if change.value.isNull {
                if let position { members[position] = nil }
            } else if let position, let target = members[position] {
                members[position] = Member(name: target.name, value: target.value.merged(with: change.value))
            } else {
                members.append(Member(name: change.name, value: JSON.null.merged(with: change.value)))
            }
        }
        return .object(members.compactMap(\.self))
    }

    /// Gives a look-up of names: a walk where few are sought or held, a table where both are many.
    private static func finder(of count: Int, in members: [Member?]) -> (Text) -> Int? {
        guard count > 8, members.count > 8 else {
            return { name in members.firstIndex { $0?.name == name } }
        }
        var positions: [Text: Int] = [:]
        for (position, member) in members.enumerated() {
            if let member { positions[member.name] = position }
        }
        return { positions[$0] }
    }
}
