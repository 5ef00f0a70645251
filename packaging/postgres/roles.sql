-- The role with which coffer-stored reaches PostgreSQL, with the fewest rights: its own schema and nothing else. Run once by an administrator of the database, in that
-- database:
--
--   psql -v ON_ERROR_STOP=1 -v role=coffer -v schema=coffer -d coffer -f roles.sql
--   psql -d coffer -c '\password coffer'
--
-- The role owns the schema because coffer-stored makes its tables at the first start, and changes them when a newer version is installed. It can make no schema, no
-- database, no role and no temporary table, cannot replicate, and sees no other schema. One schema belongs to one domain. Where several nodes share it each has a login of its own, and this
-- role is made NOLOGIN (docs/operations.md section 17).
BEGIN;
CREATE ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT CONNECTION LIMIT 64;
CREATE SCHEMA :"schema" AUTHORIZATION :"role";
REVOKE ALL ON SCHEMA :"schema" FROM PUBLIC;
SELECT current_database() AS database \gset
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"role";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
COMMIT;
