"""Every change to a table that decides what is offered gives the rulebook a new revision."""

from django.db import migrations

RULE_TABLES = (
    "therapists_location",
    "therapists_room",
    "therapists_therapist",
    "therapists_treatment",
    "therapists_treatment_therapists",
    "therapists_treatment_rooms",
    "therapists_workinghours",
    "therapists_hoursoverride",
    "therapists_timeoff",
    "therapists_closure",
    "therapists_holidayopening",
)

FUNCTION = """
CREATE SEQUENCE therapists_revision;
CREATE FUNCTION therapists_revise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO therapists_rulebook (id, revision) VALUES (1, nextval('therapists_revision'))
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision;
    RETURN NULL;
END $$;
"""
TRIGGER = """
CREATE TRIGGER revise_rulebook AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION therapists_revise();
"""


class Migration(migrations.Migration):
    dependencies = [("therapists", "0001_initial")]

    operations = [
        migrations.RunSQL(
            FUNCTION + "".join(TRIGGER.format(table=table) for table in RULE_TABLES),
            "".join(f"DROP TRIGGER revise_rulebook ON {table};" for table in RULE_TABLES)
            + "DROP FUNCTION therapists_revise(); DROP SEQUENCE therapists_revision;",
        )
    ]
