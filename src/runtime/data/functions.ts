/**
 * Functions and aggregates of PostgreSQL that give the same answer on the primary and on a standby that has replayed as
 * much, and change nothing: all are immutable or stable, and none tells of the server, its sessions or its settings.
 * Checked against pg_proc by a test. A statement that calls any other is not taken for a read: `nextval` writes, and a
 * function of the user's own may do anything. `random()` and its kin change nothing, but two callers that ask the same at
 * the same time are given one answer, and must not be given one random value.
 */
const HARMLESS = words(`
  abs acos acosh age area array_agg array_dims array_fill array_length array_lower array_ndims array_position
  array_positions array_remove array_replace array_to_json array_to_string array_to_tsvector array_upper ascii asin
  asinh atan atan2 atanh avg bit_and bit_count bit_length bit_or bit_xor bool_and bool_or btrim cardinality cbrt ceil
  ceiling char_length character_length chr concat concat_ws convert convert_from convert_to corr cos cosh cot count
  covar_pop covar_samp cume_dist date_bin date_part date_trunc daterange decode degrees dense_rank diameter div encode
  enum_first enum_last enum_range every exp extract factorial first_value floor format gcd generate_series
  generate_subscripts get_bit get_byte host inet_merge inet_same_family initcap int4multirange int4range int8multirange
  int8range isempty isfinite json_agg json_array_elements json_array_elements_text json_array_length json_build_array
  json_build_object json_each json_each_text json_object json_object_agg json_object_keys json_populate_record
  json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_array_elements
  jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
  jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query
  jsonb_path_query_array jsonb_path_query_first jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set
  jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof justify_days justify_hours
  justify_interval lag last_value lcm lead left length like_escape ln log log10 lower lower_inc lower_inf lpad ltrim
  make_date make_interval make_time make_timestamp make_timestamptz masklen max md5 min min_scale mod mode network
  normalize is_normalized now nth_value ntile num_nonnulls num_nulls numnode numrange octet_length overlaps overlay
  parse_ident percent_rank percentile_cont percentile_disc phraseto_tsquery pi plainto_tsquery position pow power
  querytree quote_ident quote_literal quote_nullable radians range_agg range_intersect_agg range_merge rank
  regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
  regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
  regr_syy repeat replace reverse right round row_number row_to_json rpad rtrim scale set_bit set_byte setweight sha224
  sha256 sha384 sha512 sign similar_to_escape sin sinh split_part sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp
  string_agg string_to_array string_to_table strip strpos substr substring sum tan tanh timezone to_char to_date to_hex
  to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim_array trim_scale
  trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsrange tstzmultirange tstzrange tsvector_to_array unistr
  unnest upper upper_inc upper_inf var_pop var_samp variance websearch_to_tsquery width_bucket`);

/** Written like functions, but part of the grammar: they call nothing, or one of the above under another name. */
const GRAMMAR = words("all any coalesce exists greatest least nullif row trim");

/**
 * What a write may call besides: it gives another answer each time, and leaves nothing behind that matters when the
 * write is rolled back and sent again.
 */
const REPEATABLE = words("clock_timestamp currval gen_random_uuid nextval random timeofday");

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Whether a call may stand in a read. The name is the one that PostgreSQL looks up, without a schema. */
export function isHarmlessFunction(name: string): boolean {
  return HARMLESS.has(name);
}

/** Whether a call may stand in a write that is sent again once it is known to have been rolled back. */
export function isRepeatableFunction(name: string): boolean {
  return HARMLESS.has(name) || REPEATABLE.has(name);
}

/** Whether what is written before a parenthesis, in any case, is part of the grammar and calls nothing by itself. */
export function isGrammarWord(word: string): boolean {
  return GRAMMAR.has(word);
}

/** All that {@link isHarmlessFunction} knows, to be checked against a server. */
export function harmlessFunctions(): readonly string[] {
  return [...HARMLESS];
}

/** Schemas and names of what tells about the server, its sessions or itself, and may differ from member to member. */
export function isSystemTable(schema: string | undefined, table: string): boolean {
  if (schema === undefined) return table.startsWith("pg_");
  return schema.startsWith("pg_") || schema === "information_schema" || schema === "ninefold";
}
