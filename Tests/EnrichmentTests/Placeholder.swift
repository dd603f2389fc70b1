// Rollcall · EnrichmentTests
