-- Profiles: what the fetch hook shows beside the metas of a key, by its standard query.

CREATE TABLE profiles (
    key text PRIMARY KEY,
    data jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION rollcall_profiles_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER rollcall_profiles_updated_at BEFORE UPDATE ON profiles
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION rollcall_profiles_updated_at();

-- Tells every node whose data changed: the payload is the key. A notification holds less than 8000 bytes; a key that
-- does not fit is longer than any that is present, and must not make the write fail.
CREATE FUNCTION rollcall_profiles_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') AND octet_length(OLD.key) < 8000 THEN
        PERFORM pg_notify('rollcall_profiles', OLD.key);
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') AND octet_length(NEW.key) < 8000 THEN
        PERFORM pg_notify('rollcall_profiles', NEW.key);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER rollcall_profiles_inserted_or_deleted AFTER INSERT OR DELETE ON profiles
    FOR EACH ROW EXECUTE FUNCTION rollcall_profiles_notify();

-- PostgreSQL itself folds equal notifications of a transaction into one: a key that stays is told once.
CREATE TRIGGER rollcall_profiles_updated AFTER UPDATE ON profiles
    FOR EACH ROW WHEN (OLD.key <> NEW.key OR OLD.data IS DISTINCT FROM NEW.data)
    EXECUTE FUNCTION rollcall_profiles_notify();

-- TRUNCATE calls no triggers of rows; whoever empties the table tells as many keys as a DELETE does.
CREATE FUNCTION rollcall_profiles_notify_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'SELECT pg_notify(''rollcall_profiles'', key) FROM %I.%I WHERE octet_length(key) < 8000',
        TG_TABLE_SCHEMA, TG_TABLE_NAME);
    RETURN NULL;
END
$$;

CREATE TRIGGER rollcall_profiles_truncated BEFORE TRUNCATE ON profiles
    FOR EACH STATEMENT EXECUTE FUNCTION rollcall_profiles_notify_all();
