// Rollcall · Enrichment

import Presence

/// What one rule has for keys that are shown and for keys that leave, in their order.
struct FieldValues: Sendable {
    let field: String
    let shown: [FetchedValue]
    let leaving: [FetchedValue?]
}

extension EnrichmentFields {
    /// Puts together what several rules have.
    ///
    /// A key that is shown says so if something of it could not be had; one that only leaves says nothing of it.
    init(_ values: [FieldValues], shown: [Key], leaving: [Key]) {
        self.init()
        for (index, key) in leaving.enumerated() {
            set(Self.members(values) { $0.leaving[index] }, for: key)
        }
        for (index, key) in shown.enumerated() {
            let isComplete = values.allSatisfy { $0.shown[index].failure == nil }
            set(Self.members(values) { $0.shown[index] }, isComplete: isComplete, for: key)
        }
    }

    private static func members(
        _ values: [FieldValues], _ value: (FieldValues) -> FetchedValue?
    ) -> [(name: String, json: [UInt8])] {
        values.compactMap { values in value(values)?.json.map { (values.field, $0) } }
    }
}
