// Rollcall · LocalServicesTests

import TestSupport
import Testing

@testable import LocalServices

@Suite("PostgreSQL's programs")
struct PostgresProgramsTests {
    @Test func `A cluster gets the programs of its version, or an error that names the version`()
        async throws
    {
        let parent = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(parent) }
        let (new, old, data) = ("\(parent)/15", "\(parent)/14", "\(parent)/data")
        // Another process writes the programs: a file that this one writes may still be open in a child of another
        // test, and then cannot run.
        let made = try await Command.run(
            "sh",
            [
                "-ec",
                """
                cd "$1"; mkdir 15 14 data; echo 14 >data/PG_VERSION
                for program in postgres initdb psql; do
                    printf '#!/bin/sh\necho "postgres (PostgreSQL) 15.3 (Debian 15.3-1)"\n' >15/$program
                    printf '#!/bin/sh\necho "postgres (PostgreSQL) 14beta2"\n' >14/$program
                done
                chmod 755 1?/*
                """, "sh", parent,
            ])
        #expect(made.code == 0)

        let fitting = try await PostgresPrograms.find(for: data, in: ["/nowhere", new, old])
        #expect(fitting.postgres.hasSuffix("/14/postgres") && fitting.psql.hasSuffix("/14/psql"))
        let first = try await PostgresPrograms.find(for: "\(parent)/none", in: ["/nowhere", new, old])
        #expect(first.postgres.hasSuffix("/15/postgres"))
        let error = try await #require(throws: LocalServicesError.self) {
            try await PostgresPrograms.find(for: data, in: [new])
        }
        #expect(error.code == .notInstalled)
        #expect(error.message == "\(data) was made by PostgreSQL 14; install that version or remove the folder")
    }
}
