// Rollcall · PresenceText

import Basics
package import PresenceModel

extension Presence {
    /// Appends the meta with `phx_ref`, and `previous` as `phx_ref_prev`, as its last members.
    package func write(previous: Ref?, to output: inout [UInt8]) {
        meta.shown.withUnsafeBufferPointer { ref.write(withMeta: $0, previous: previous, to: &output) }
    }
}

extension Ref {
    /// Appends `{"phx_ref":"…"}`, and after an update `phx_ref_prev`: a meta in the keys view.
    package func writeObject(previous: Ref?, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        writeMembers(previous: previous, to: &output)
    }

    /// Appends a meta's text with this ref and the previous one as its last members.
    func write(withMeta meta: UnsafeBufferPointer<UInt8>, previous: Ref?, to output: inout [UInt8]) {
        // A compact object ends in its brace, so the members are added without parsing.
        output.append(contentsOf: UnsafeBufferPointer(rebasing: meta.dropLast()))
        if meta.count > 2 { output.append(UInt8(ascii: ",")) }
        writeMembers(previous: previous, to: &output)
    }

    /// Appends `"phx_ref":"…"}`, with `phx_ref_prev` if there is one.
    private func writeMembers(previous: Ref?, to output: inout [UInt8]) {
        output.append(literal: #""phx_ref":""#)
        write(to: &output)
        if let previous {
            output.append(literal: #"","phx_ref_prev":""#)
            previous.write(to: &output)
        }
        output.append(literal: #""}"#)
    }
}
