/**
 * Functions and aggregates of PostgreSQL that read nothing but their arguments and the transaction's time, and change
 * nothing. A statement that calls any other is not taken for a plain read: `nextval` writes, and a function of the
 * user's own may do anything.
 */
const HARMLESS = new Set(
  `abs array_agg array_length array_position array_remove array_to_json array_to_string avg bit_and bit_or bool_and
  bool_or btrim cardinality ceil ceiling char_length coalesce concat concat_ws count cume_dist current_date
  date_part date_trunc decode dense_rank encode every exists extract first_value floor format greatest initcap
  json_agg json_array_elements json_array_length json_build_array json_build_object json_object_agg
  jsonb_agg jsonb_array_elements jsonb_array_length jsonb_build_array jsonb_build_object jsonb_object_agg
  lag last_value lead least left length ln lower lpad ltrim make_date make_interval max md5 min mod now nth_value
  ntile nullif octet_length percent_rank position power rank regexp_replace repeat replace reverse right round
  row row_number row_to_json rpad rtrim sign split_part sqrt starts_with string_agg string_to_array strpos
  substr substring sum to_char to_date to_json to_jsonb to_timestamp to_tsquery to_tsvector plainto_tsquery
  websearch_to_tsquery phraseto_tsquery translate trim trunc ts_headline ts_rank ts_rank_cd unnest upper width_bucket`
    .split(/\s+/)
    .filter((name) => name !== ""),
);

export function isHarmlessFunction(name: string): boolean {
  return HARMLESS.has(name.toLowerCase());
}
