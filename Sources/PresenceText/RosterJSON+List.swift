// Rollcall · PresenceText

import Basics
import JSONText
import PresenceModel

extension RosterJSON {
    /// Appends the entries of a list in the form of a roster: `{"alice":{"metas":[…]},…}`.
    package func write(_ list: PresenceList, to output: inout [UInt8]) {
        // The text around a key and its only meta has 80 bytes with both refs. Growing the output would copy all of it.
        output.reserveCapacity(output.count + list.textBytes + 80 * list.count)
        var entries = Separator(open: "{")
        list.forEach { item in
            if item.isFirst {
                entries.write(to: &output)
                output.append(jsonString: item.key)
                output.append(literal: #":{"metas":["#)
            } else {
                output.append(UInt8(ascii: ","))
            }
            switch view {
            case .full: item.ref.write(withMeta: item.meta, previous: item.previous, to: &output)
            case .keys, .count: item.ref.writeObject(previous: item.previous, to: &output)
            }
            guard item.isLast else { return }
            output.append(UInt8(ascii: "]"))
            if !fields.isEmpty, let key = Key(utf8: item.key) {
                closeEntry(of: key, to: &output)
            } else {
                output.append(UInt8(ascii: "}"))
            }
        }
        entries.close("}", to: &output)
    }
}
