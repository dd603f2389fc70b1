// Rollcall · PresenceServer

package import Basics
import PresenceModel

/// The parameters of a query, decoded, in their order.
package struct QueryParameters: Sendable {
    private var parameters: [(name: String, value: String)] = []

    /// No parameters.
    package init() {}

    /// Reads the part of a URI after its question mark.
    ///
    /// - Throws: ``ProblemKind/invalidQuery``, naming the parameter.
    package init(_ query: String?) throws(Problem) {
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(pair[0], as: "The query")
            let value = try pair.count < 2 ? "" : Self.decode(pair[1], as: name)
            self.parameters.append((name, value))
        }
    }

    /// Refuses every parameter that the route does not know: a misspelt one would be ignored in silence.
    ///
    /// - Parameter ignored: Names that the route ignores.
    package func requireOnly(_ names: Set<String>, ignoring ignored: Set<String> = []) throws(Problem) {
        guard self.parameters.contains(where: { !names.contains($0.name) && !ignored.contains($0.name) }) else {
            return
        }
        let unknown = self.parameters.map(\.name).filter { !names.contains($0) && !ignored.contains($0) }
        let known = names.isEmpty ? "it takes none" : "it takes \(names.sorted().joined(separator: ", "))"
        let errors = unknown.prefix(FieldError.mostListed).map {
            FieldError(.parameter($0), "\(quoted($0)) is not a query parameter of this route; \(known).")
        }
        throw Problem(.invalidQuery, errors[0].detail, errors: errors)
    }

    package func has(_ name: String) -> Bool { self.parameters.contains { $0.name == name } }

    /// All values of a parameter that may be repeated.
    package func all(_ name: String) -> [String] {
        self.parameters.compactMap { $0.name == name ? $0.value : nil }
    }

    /// The value of a parameter that may be given once.
    package func one(_ name: String) throws(Problem) -> String? {
        let values = self.all(name)
        guard values.count <= 1 else {
            throw Problem(
                .invalidQuery, at: .parameter(name), "\(name) is given \(values.count) times; once is enough.")
        }
        return values.first
    }

    /// A whole number within a range.
    package func int(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = try self.one(name) else { return nil }
        guard let value = Int(text), range.contains(value), text.utf8.first != UInt8(ascii: "+") else {
            throw Problem(
                .invalidQuery, at: .parameter(name),
                "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound), not \(quoted(text)).")
        }
        return value
    }

    /// One of an enumeration's raw values.
    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type = Choice.self
    ) throws(Problem) -> Choice? where Choice.RawValue == String {
        guard let text = try self.one(name) else { return nil }
        guard let value = Choice(rawValue: text) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.invalidQuery, at: .parameter(name), "\(name) is one of \(choices), not \(quoted(text)).")
        }
        return value
    }

    /// A topic or a key.
    package func name<Name>(
        _ parameter: String, _ make: (String, InputError.Location) throws(InputError) -> Name
    ) throws(Problem) -> Name? {
        guard let text = try self.one(parameter) else { return nil }
        do {
            return try make(text, .parameter(parameter))
        } catch {
            throw Problem(error)
        }
    }

    private static func decode(_ text: Substring, as name: String) throws(Problem) -> String {
        do {
            return try PercentEncoding.decode(text, plusIsSpace: true)
        } catch {
            throw Problem(.invalidQuery, at: .parameter(name), error.detail(of: name))
        }
    }
}

/// A text from a client in quotes, fit for a detail: at most 40 characters, none of them a control character.
func quoted(_ text: String) -> String {
    let limit = 40
    let shown = text.unicodeScalars.prefix(limit).map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
    return "“" + String(String.UnicodeScalarView(shown)) + (text.unicodeScalars.count > limit ? "…" : "") + "”"
}
