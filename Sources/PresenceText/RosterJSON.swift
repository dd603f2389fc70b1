// Rollcall · PresenceText

import Basics
import JSONText
package import PresenceModel

/// Writes rosters and diffs as Phoenix writes them: keys in byte order, metas in track order.
package struct RosterJSON {
    let view: View
    let fields: EnrichmentFields

    /// - Parameter fields: The fields beside the metas, only in the full view.
    package init(view: View = .full, fields: EnrichmentFields = .none) {
        self.view = view
        self.fields = view == .full ? fields : .none
    }

    /// Appends `{"alice":{"metas":[…]},…}`; in the count view `{"keys":2,"presences":3}`.
    package func write(_ roster: Roster, to output: inout [UInt8]) {
        if view == .count {
            Self.writeCounts(of: roster, to: &output)
        } else {
            write(roster, keys: roster.sortedKeys, to: &output)
        }
    }

    /// Appends the entries of these keys, in this order; absent keys are left out.
    package func write(_ roster: Roster, keys: some Sequence<Key>, to output: inout [UInt8]) {
        var separator = Separator(open: "{")
        for key in keys {
            guard let entry = roster.entry(for: key) else { continue }
            separator.write(to: &output)
            output.append(jsonString: key.text)
            output.append(UInt8(ascii: ":"))
            write(entry, of: key, to: &output)
        }
        separator.close("}", to: &output)
    }

    /// Appends `{"metas":[…]}`.
    package func write(_ entry: Entry, of key: Key, to output: inout [UInt8]) {
        output.append(literal: #"{"metas":"#)
        var separator = Separator(open: "[")
        entry.forEach { _, presence in
            separator.write(to: &output)
            write(presence, previous: presence.previous, to: &output)
        }
        separator.close("]", to: &output)
        closeEntry(of: key, to: &output)
    }

    /// Appends `{"keys":2,"presences":3}`.
    package static func writeCounts(of roster: Roster, to output: inout [UInt8]) {
        writeCounts(keys: roster.keyCount, presences: roster.presenceCount, to: &output)
    }

    package static func writeCounts(keys: Int, presences: Int, to output: inout [UInt8]) {
        output.append(literal: #"{"keys":"#)
        output.append(decimal: keys)
        output.append(literal: #","presences":"#)
        output.append(decimal: presences)
        output.append(UInt8(ascii: "}"))
    }
}

extension RosterJSON {
    /// Appends `{"joins":{…},"leaves":{…},"reasons":{…}}`, always with the first two members.
    ///
    /// A diff has no counts: the count view writes it like the keys view.
    ///
    /// - Parameter showsReasons: Whether there is the third member, also if it is empty.
    package func write(_ diff: Diff, showsReasons: Bool = true, to output: inout [UInt8]) {
        let changes = diff.changes.count > 1 ? diff.changes.sorted { $0.member.key < $1.member.key } : diff.changes
        output.append(literal: #"{"joins":"#)
        write(changes, to: &output) { change in
            // An update is linked to the version before the diff, since clients never saw the versions in between.
            change.after.map { ($0, change.isUpdate ? change.before?.ref : $0.previous) }
        }
        output.append(literal: #","leaves":"#)
        write(changes, to: &output) { change in
            change.before.map { ($0, $0.previous) }
        }
        if showsReasons {
            output.append(literal: #","reasons":"#)
            writeReasons(changes, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends one half of a diff; the changes are in the order of their keys.
    private func write(
        _ changes: [Change], to output: inout [UInt8], half: (Change) -> (presence: Presence, previous: Ref?)?
    ) {
        var entries = Separator(open: "{")
        var last: Key?
        for change in changes {
            guard let (presence, previous) = half(change) else { continue }
            let key = change.member.key
            if key == last {
                output.append(UInt8(ascii: ","))
            } else {
                if let last { closeMetas(of: last, to: &output) }
                entries.write(to: &output)
                output.append(jsonString: key.text)
                output.append(literal: #":{"metas":["#)
                last = key
            }
            write(presence, previous: previous, to: &output)
        }
        if let last { closeMetas(of: last, to: &output) }
        entries.close("}", to: &output)
    }

    private func writeReasons(_ changes: [Change], to output: inout [UInt8]) {
        var separator = Separator(open: "{")
        for change in changes {
            guard let reason = change.reason, let before = change.before else { continue }
            separator.write(to: &output)
            output.append(UInt8(ascii: "\""))
            before.ref.write(to: &output)
            output.append(literal: "\":\"")
            output.append(contentsOf: reason.rawValue.utf8)
            output.append(UInt8(ascii: "\""))
        }
        separator.close("}", to: &output)
    }

    private func closeMetas(of key: Key, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "]"))
        closeEntry(of: key, to: &output)
    }

    func closeEntry(of key: Key, to output: inout [UInt8]) {
        if let extra = fields[key] { output.append(contentsOf: extra) }
        output.append(UInt8(ascii: "}"))
    }

    private func write(_ presence: Presence, previous: Ref?, to output: inout [UInt8]) {
        switch view {
        case .full: presence.write(previous: previous, to: &output)
        case .keys, .count: presence.ref.writeObject(previous: previous, to: &output)
        }
    }
}
