// Rollcall · PostgresTests
