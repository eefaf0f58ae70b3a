-- The words of a text as FTS5 sees them: letters and digits, without case and accents.
create function proofline_words(value text) returns text
language sql immutable parallel safe as $$
  select regexp_replace(
    regexp_replace(
      lower(normalize(value, nfd) collate "und-x-icu"), '[\u0300-\u036f]', '', 'g'
    ),
    '[^[:alnum:]]+', ' ', 'g'
  )
$$;

-- A query in FTS5's language: words, "phrases", prefix*, AND, OR, NOT and parentheses.
create function proofline_match(query text) returns tsquery
language plpgsql immutable parallel safe as $$
declare
  part text;
  word tsquery;
  prefix boolean;
  written text := '';
  -- Whether a word may follow without an operator before it: FTS5 then means AND.
  complete boolean := false;
begin
  for part in
    select m[1] from regexp_matches(query, '("(?:[^"]|"")*"\s*\*?|[()]|[^\s()"*]+\*?|\*)', 'g') as m
  loop
    if part in ('AND', 'OR', 'NOT') then
      written := written || case part when 'AND' then ' & ' when 'OR' then ' | ' else ' & !' end;
      complete := false;
    elsif part = ')' then
      written := written || ')';
      complete := true;
    else
      if part = '(' then
        written := written || case when complete then ' & (' else '(' end;
        complete := false;
      else
        if part !~ '^"' and part !~ '^[[:alnum:]_\u0080-\uffff]+\*?$' then
          raise exception 'fts5: syntax error near "%"', part using errcode = '42601';
        end if;
        prefix := part ~ '\*$';
        word := phraseto_tsquery('simple', proofline_words(rtrim(part, '*')));
        -- What has no words asks for nothing.
        continue when numnode(word) = 0;
        if complete then
          written := written || ' & ';
        end if;
        if prefix then
          written := written || '(' || regexp_replace(word::text, '''$', ''':*') || ')';
        else
          written := written || '(' || word::text || ')';
        end if;
        complete := true;
      end if;
    end if;
  end loop;
  return written::tsquery;
end
$$;
