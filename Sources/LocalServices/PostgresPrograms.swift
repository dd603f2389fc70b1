// Rollcall · LocalServices

import Foundation

/// PostgreSQL's programs on this machine.
///
/// They are kept off `PATH` by most package managers, so that several versions can live side by side.
struct PostgresPrograms: Sendable {
    let postgres: String
    let initdb: String
    let psql: String

    /// Finds the programs that belong together: on `PATH`, else the newest of the package managers'.
    static func find() throws(LocalServicesError) -> PostgresPrograms {
        for folder in Executables.folders + Self.packages {
            // Links lead to where the programs and their support files are at home.
            let home = URL(fileURLWithPath: "\(folder)/postgres").resolvingSymlinksInPath().deletingLastPathComponent()
            let found = ["postgres", "initdb", "psql"].map { home.appendingPathComponent($0).path }
            if found.allSatisfy(FileManager.default.isExecutableFile) {
                return PostgresPrograms(postgres: found[0], initdb: found[1], psql: found[2])
            }
        }
        throw .missing("PostgreSQL", package: (apt: "postgresql", brew: "postgresql@17"))
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
