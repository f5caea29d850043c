"""What clients are found by: the words of their name and address without accents, and the digits of their phone."""

import django.db.models
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations, models

# unaccent depends on its dictionary, which is named and bound here; so the same text always gives the same words
PLAIN = r"""
CREATE FUNCTION client_plain(typed text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN trim(regexp_replace(lower(unaccent('unaccent'::regdictionary, typed)), '[^[:alnum:]]+', ' ', 'g'));

CREATE FUNCTION client_words(name text, email text, phone text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ' ' || client_plain(name) || ' ' || client_plain(email) || ' ' || regexp_replace(phone, '\D', '', 'g') || ' ';
"""
GONE = "DROP FUNCTION client_words(text, text, text); DROP FUNCTION client_plain(text);"


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0005_language"),
    ]

    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        migrations.RunSQL(PLAIN, GONE),
        migrations.AddField(
            model_name="client",
            name="words",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.Func("name", "email", "phone", function="client_words"),
                output_field=models.TextField(),
            ),
        ),
        migrations.AddIndex(
            model_name="client",
            index=GinIndex(OpClass("words", name="gin_trgm_ops"), name="client_by_words"),
        ),
    ]
