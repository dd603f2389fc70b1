// Rollcall · EndToEndTests

/// A Dockerfile, split into its instructions.
struct Dockerfile {
    struct Instruction {
        let name: String
        let arguments: String
    }

    let instructions: [Instruction]

    private static let known: Set = [
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL",
        "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    ]

    init(_ text: String) {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        self.instructions = lines.joined(separator: "\n").replacing("\\\n", with: "").split(separator: "\n").map {
            let parts = $0.split(separator: " ", maxSplits: 1).map(String.init)
            return Instruction(name: parts[0], arguments: parts.count > 1 ? parts[1] : "")
        }
    }

    /// Instructions that Docker does not know, stages that no `FROM` names, and lists that are no JSON.
    var problems: [String] {
        let stages = Set(self.all("FROM").compactMap { $0.firstMatch(of: /\ AS ([a-z]+)$/).map { String($0.1) } })
        var problems = self.instructions.filter { !Self.known.contains($0.name) || $0.arguments.isEmpty }.map(\.name)
        for copy in self.all("COPY") {
            if let from = copy.firstMatch(of: /--from=([^ ]+)/), !stages.contains(String(from.1)) {
                problems.append("COPY \(copy)")
            }
        }
        for list in self.all("CMD") + self.all("ENTRYPOINT") where list.wholeMatch(of: /\["[^"]+"(, "[^"]+")*\]/) == nil
        {
            problems.append(list)
        }
        return problems
    }

    /// The arguments of the last instruction of that name, which is the one in force.
    func last(_ name: String) -> String? { self.all(name).last }

    var environment: [String: String] {
        Dictionary(
            self.all("ENV").compactMap { line in
                let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
                return parts.count == 2 ? (parts[0], parts[1]) : nil
            }, uniquingKeysWith: { _, last in last })
    }

    /// The paths that are copied from the build context.
    var copiedSources: [String] {
        self.all("COPY").filter { !$0.hasPrefix("--from") }.flatMap {
            $0.split(separator: " ").dropLast().map(String.init)
        }
    }

    private func all(_ name: String) -> [String] {
        self.instructions.filter { $0.name == name }.map(\.arguments)
    }
}
