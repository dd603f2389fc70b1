// Rollcall · PresenceServer

import Basics
package import PresenceModel

/// The parameters of a path: percent-encoded as they were sent, and decoded to names.
package struct PathParameters: Sendable {
    var values: [(name: String, text: Substring)] = []

    package func topic() throws(Problem) -> Topic { try self.name("topic", Topic.init(_:at:)) }
    package func key() throws(Problem) -> Key { try self.name("key", Key.init(_:at:)) }
    package func session() throws(Problem) -> Session { try self.name("session", Session.init(_:at:)) }

    /// Whether the path has this parameter.
    func has(_ name: String) -> Bool { self.values.contains { $0.name == name } }

    package func member() throws(Problem) -> Member {
        Member(key: try self.key(), session: try self.session())
    }

    /// The percent-decoded text of a parameter.
    package func text(_ name: String) throws(Problem) -> String {
        guard let raw = self.values.first(where: { $0.name == name })?.text else {
            throw Problem(.internalError, "The route has no parameter \(name).")
        }
        do {
            return try PercentEncoding.decode(raw)
        } catch {
            throw Problem(.invalidName, at: .parameter(name), error.detail(of: name))
        }
    }

    private func name<Name>(
        _ parameter: String, _ make: (String, InputError.Location) throws(InputError) -> Name
    ) throws(Problem) -> Name {
        let text = try self.text(parameter)
        do {
            return try make(text, .parameter(parameter))
        } catch {
            throw Problem(error)
        }
    }
}
