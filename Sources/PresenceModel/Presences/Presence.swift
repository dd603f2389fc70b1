// Rollcall · PresenceModel

/// The state of one member on a topic: its meta and the ref of this version of the meta.
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
}
