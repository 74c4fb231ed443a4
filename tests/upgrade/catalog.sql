-- What an installed extension consists of, one line a fact: to compare an updated one with a fresh one.
SET search_path = '';
WITH members AS (
  SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_extension'::regclass
   WHERE d.deptype = 'e' AND e.extname = 'objectos_sync'),
relations AS (SELECT c.* FROM pg_catalog.pg_class c WHERE c.relnamespace = 'objectos_sync'::regnamespace)
SELECT pg_catalog.pg_describe_object(m.classid, m.objid, 0) AS what,
       coalesce(CASE m.classid
         WHEN 'pg_catalog.pg_proc'::regclass THEN pg_catalog.md5(pg_catalog.pg_get_functiondef(m.objid)) || ' ' ||
           coalesce((SELECT p.proacl::text FROM pg_catalog.pg_proc p WHERE p.oid = m.objid), '')
         WHEN 'pg_catalog.pg_class'::regclass THEN pg_catalog.md5(coalesce(pg_catalog.pg_get_viewdef(
           CASE WHEN (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = m.objid) = 'v' THEN m.objid END), ''))
         END, '') || ' ' || coalesce(pg_catalog.obj_description(m.objid, m.classid::regclass::name), '') AS is
  FROM members m
UNION ALL
SELECT 'column ' || a.attrelid::regclass || '.' || a.attname,
       pg_catalog.format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' ||
         coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
  FROM pg_catalog.pg_attribute a JOIN relations r ON r.oid = a.attrelid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'v')
UNION ALL
SELECT 'index ' || i.indexrelid::regclass, pg_catalog.pg_get_indexdef(i.indexrelid)
  FROM pg_catalog.pg_index i JOIN relations r ON r.oid = i.indrelid
UNION ALL
SELECT 'constraint ' || n.conrelid::regclass || ' ' || n.conname, pg_catalog.pg_get_constraintdef(n.oid)
  FROM pg_catalog.pg_constraint n JOIN relations r ON r.oid = n.conrelid
UNION ALL
SELECT 'rights ' || r.oid::regclass, coalesce(r.relacl::text, '') FROM relations r
UNION ALL
SELECT 'dumped ' || c::oid::regclass, '' FROM pg_catalog.pg_extension e, unnest(e.extconfig) c
 WHERE e.extname = 'objectos_sync'
ORDER BY 1, 2;
