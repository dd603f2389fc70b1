// Rollcall · Presence

/// One member's state on a topic: its meta and the ref that names this version of it.
package struct Presence: Hashable, Sendable {
    package let ref: Ref
    /// The ref before the last update, `nil` if there was none.
    package let previous: Ref?
    package let meta: Meta

    package init(ref: Ref, previous: Ref? = nil, meta: Meta) {
        self.ref = ref
        self.previous = previous
        self.meta = meta
    }

    /// Appends the meta with `phx_ref`, and after an update `phx_ref_prev`, spliced in at its end.
    package func write(to output: inout [UInt8]) {
        write(previous: previous, to: &output)
    }

    /// Appends the meta as an update of another version than the one it was stored to follow.
    func write(previous: Ref?, to output: inout [UInt8]) {
        meta.shown.withUnsafeBufferPointer { ref.write(withMeta: $0, previous: previous, to: &output) }
    }
}

extension Ref {
    /// Appends `{"phx_ref":"…"}`, and after an update `phx_ref_prev`: all that the keys view shows of a meta.
    func writeObject(previous: Ref?, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        writeMembers(previous: previous, to: &output)
    }

    /// Appends a meta's text, with this ref and the previous one spliced in at its end.
    func write(withMeta meta: UnsafeBufferPointer<UInt8>, previous: Ref?, to output: inout [UInt8]) {
        // A compact object ends in its brace, so splicing needs no parsing.
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
