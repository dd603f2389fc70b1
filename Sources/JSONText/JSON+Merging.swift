// Rollcall · JSONText

extension JSON {
    /// Returns the value after a merge patch (RFC 7396).
    ///
    /// Members keep their place, and untouched members keep their text; new ones come last, in the order of the patch.
    /// The merge recurses for each level of the patch, so the caller bounds the depth of patches.
    package func merged(with patch: JSON) -> JSON {
        guard patch.isObject else { return patch }
        var output: [UInt8] = []
        output.reserveCapacity(raw.count + patch.raw.count)
        Self.writeMerge(of: self, with: patch, to: &output)
        // The output has no white space. Its depth is not counted here: `deep` makes the caller count it.
        let traits = self.traits.union(patch.traits).union(.deep).subtracting(.spaced)
        return JSON(source: output, range: output.indices, traits: traits)
    }

    private static func writeMerge(of target: JSON?, with patch: JSON, to output: inout [UInt8]) {
        guard let changes = patch.members else { return patch.write(to: &output) }
        let members = target?.members ?? []
        let find = finder(of: changes.count, in: members)
        var added: [Int] = []
        var changeOf: [Int: Int] = [:]
        for index in changes.indices {
            if let position = find(changes[index].name) { changeOf[position] = index } else { added.append(index) }
        }
        var separator = Separator(open: "{")
        for index in members.indices {
            let change = changeOf[index].map { changes[$0].value }
            if change?.isNull == true { continue }
            separator.write(to: &output)
            members[index].name.write(to: &output)
            output.append(UInt8(ascii: ":"))
            if let change {
                writeMerge(of: members[index].value, with: change, to: &output)
            } else {
                members[index].value.write(to: &output)
            }
        }
        for index in added where !changes[index].value.isNull {
            separator.write(to: &output)
            changes[index].name.write(to: &output)
            output.append(UInt8(ascii: ":"))
            writeMerge(of: nil, with: changes[index].value, to: &output)
        }
        separator.close("}", to: &output)
    }

    /// Returns a look-up of names: a linear search where one side has at most 8 names, else a hash table.
    private static func finder(of count: Int, in members: [Member]) -> (Text) -> Int? {
        guard count > 8, members.count > 8 else {
            return { name in members.firstIndex { $0.name == name } }
        }
        var positions: [Text: Int] = [:]
        for (position, member) in members.enumerated() { positions[member.name] = position }
        return { positions[$0] }
    }
}
