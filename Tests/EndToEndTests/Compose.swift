// Rollcall · EndToEndTests

import Yams

/// The Compose file, as far as the repository uses the format.
///
/// Every other key is a problem, such as a misspelt one.
struct Compose {
    struct Service {
        let dependencies: [String]
        let environment: [String: String]
        let ports: [String]
        let volumes: [String]
        let command: [String]
        let secrets: [String]
        let networks: [String]
        /// The user that the file names; the image names one too.
        let user: String?
        /// Whether the image is built from the Dockerfile.
        let isBuilt: Bool
        let isReadOnly: Bool
        let addedCapabilities: [String]
        let droppedCapabilities: [String]
        let securityOptions: [String]
    }

    struct NotCompose: Error {}

    private(set) var services: [String: Service] = [:]
    let volumes: Set<String>
    /// Each network, and whether it leads nowhere else.
    let networks: [String: Bool]
    /// Each secret, and its file.
    let secrets: [String: String]
    private(set) var problems: [String] = []

    private static let topKeys: Set = ["name", "networks", "secrets", "services", "volumes"]
    private static let serviceKeys: Set = [
        "build", "cap_add", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "networks",
        "ports", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "tmpfs", "ulimits", "user",
        "volumes",
    ]
    private static let listKeys = [
        "cap_add", "cap_drop", "command", "networks", "ports", "secrets", "security_opt", "tmpfs", "volumes",
    ]
    private static let healthKeys: Set = ["test", "interval", "timeout", "retries"]
    private static let conditions: Set = ["service_started", "service_healthy", "service_completed_successfully"]

    init(_ text: String) throws {
        guard let top = try Yams.load(yaml: text) as? [String: Any], let services = top["services"] as? [String: Any]
        else { throw NotCompose() }
        self.volumes = Set((top["volumes"] as? [String: Any] ?? [:]).keys)
        self.networks = (top["networks"] as? [String: [String: Bool]] ?? [:]).mapValues { $0["internal"] ?? false }
        self.secrets = (top["secrets"] as? [String: [String: String]] ?? [:]).compactMapValues { $0["file"] }
        self.expect(top.keys.filter { !$0.hasPrefix("x-") }, in: Self.topKeys, "at the top")
        for (name, value) in services {
            guard let service = value as? [String: Any] else {
                self.problems.append("\(name) is no map")
                continue
            }
            self.check(service, name)
            self.services[name] = Service(
                dependencies: (service["depends_on"] as? [String])
                    ?? Array((service["depends_on"] as? [String: Any] ?? [:]).keys),
                environment: (service["environment"] as? [String: Any] ?? [:]).mapValues { "\($0)" },
                ports: service["ports"] as? [String] ?? [], volumes: service["volumes"] as? [String] ?? [],
                command: service["command"] as? [String] ?? [], secrets: service["secrets"] as? [String] ?? [],
                networks: service["networks"] as? [String] ?? [], user: service["user"] as? String,
                isBuilt: service["build"] != nil, isReadOnly: service["read_only"] as? Bool ?? false,
                addedCapabilities: service["cap_add"] as? [String] ?? [],
                droppedCapabilities: service["cap_drop"] as? [String] ?? [],
                securityOptions: service["security_opt"] as? [String] ?? [])
        }
    }

    private mutating func check(_ service: [String: Any], _ name: String) {
        self.expect(service.keys, in: Self.serviceKeys, name)
        if service["image"] as? String == nil, service["build"] as? String == nil {
            self.problems.append("\(name) has neither image nor build")
        }
        for list in Self.listKeys where service[list] != nil && service[list] as? [String] == nil {
            self.problems.append("\(list) of \(name) is no list of strings")
        }
        for (other, how) in service["depends_on"] as? [String: [String: String]] ?? [:] {
            self.expect(how.keys, in: ["condition"], "depends_on \(other) of \(name)")
            self.expect(how.values, in: Self.conditions, "depends_on \(other) of \(name)")
        }
        if let health = service["healthcheck"] {
            let keys = (health as? [String: Any])?.keys.map(\.self) ?? ["no map"]
            self.expect(keys, in: Self.healthKeys, "healthcheck of \(name)")
        }
    }

    private mutating func expect(_ keys: some Sequence<String>, in known: Set<String>, _ place: String) {
        self.problems += Set(keys).subtracting(known).sorted().map { "\(place): \($0)" }
    }
}
