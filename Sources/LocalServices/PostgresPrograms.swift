// Rollcall · LocalServices

import Foundation

/// PostgreSQL's programs on this machine.
///
/// Most package managers keep them off `PATH`, so that several versions can be installed.
struct PostgresPrograms: Sendable {
    let postgres: String
    let initdb: String
    let psql: String

    /// Finds the programs of one version: on `PATH`, else the newest from a package manager.
    ///
    /// - Parameter cluster: if it exists, only programs of its major version are returned.
    static func find(
        for cluster: String, in folders: [String] = Executables.folders + Self.packages
    ) async throws(LocalServicesError) -> PostgresPrograms {
        let version = (try? String(contentsOfFile: "\(cluster)/PG_VERSION", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        var hasOthers = false
        for folder in folders {
            // Links lead to the folder of the programs and their support files.
            let home = URL(fileURLWithPath: "\(folder)/postgres").resolvingSymlinksInPath().deletingLastPathComponent()
            let found = ["postgres", "initdb", "psql"].map { home.appendingPathComponent($0).path }
            if found.allSatisfy(FileManager.default.isExecutableFile) {
                let programs = PostgresPrograms(postgres: found[0], initdb: found[1], psql: found[2])
                if let version, await programs.majorVersion != version {
                    hasOthers = true
                } else {
                    return programs
                }
            }
        }
        if let version, hasOthers {
            throw LocalServicesError(
                .notInstalled, "\(cluster) was made by PostgreSQL \(version); install that version or remove the folder"
            )
        }
        throw .missing("PostgreSQL", package: (apt: "postgresql", brew: "postgresql@17"))
    }

    /// The number that `PG_VERSION` of its clusters has; nil if the program does not print it.
    private var majorVersion: String? {
        get async {
            guard let process = try? await OwnedProcess.start(self.postgres, arguments: ["--version"]),
                await process.waitUntilExit() == .exited(0)
            else { return nil }
            return process.log.text.firstMatch(of: /\(PostgreSQL\) (\d+)/).map { String($0.1) }
        }
    }

    /// The folders of Debian's, Homebrew's and PostgreSQL's own packages, the newest version first.
    private static var packages: [String] {
        let places = [
            ("/usr/lib/postgresql", ""), ("/opt/homebrew/opt", "postgresql@"), ("/usr/local/opt", "postgresql@"),
            ("/usr", "pgsql-"),
        ]
        let versions = places.flatMap { place, prefix in
            ((try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []).compactMap { name in
                name.hasPrefix(prefix)
                    ? Double(name.dropFirst(prefix.count)).map { ($0, "\(place)/\(name)/bin") } : nil
            }
        }
        return versions.sorted { $0.0 > $1.0 }.map(\.1)
    }
}
