// Rollcall · Enrichment
