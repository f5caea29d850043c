import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import clients.origin

# What an entry says, as one hash; booking/services/audit.py works it out by itself when it verifies.
DIGEST = """
    sha256(convert_to(jsonb_build_array(
        e.id, e.appointment_id, e.client_id, e.record, e.change_id, e.action, e.sequence, e.actor, extract(epoch FROM e.at),
        extract(epoch FROM e.recorded_at), encode(e.told_digest, 'hex'), e.before, e.after
    )::text, 'UTF8'))
"""
# Older entries come into the chain as they are now; nothing vouches for what they were before.
BACKFILL = """
    UPDATE booking_auditentry AS e SET actor = e.by_id, salt = gen_random_uuid(), client_id = a.client_id
        FROM booking_appointment AS a WHERE a.id = e.appointment_id;
    UPDATE booking_auditentry SET told_digest = sha256(convert_to(jsonb_build_array(salt, reason, host(address))::text, 'UTF8'));
    SET CONSTRAINTS ALL IMMEDIATE;
"""
FUNCTIONS = f"""
    CREATE FUNCTION audit_entry_written() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.appointment_id IS NOT NULL THEN
            NEW.client_id := (SELECT client_id FROM booking_appointment WHERE id = NEW.appointment_id);
        END IF;
        NEW.actor := NEW.by_id;
        NEW.recorded_at := clock_timestamp();
        NEW.salt := gen_random_uuid();
        NEW.told_digest := sha256(convert_to(jsonb_build_array(NEW.salt, NEW.reason, host(NEW.address))::text, 'UTF8'));
        NEW.is_sealed := false;
        RETURN NEW;
    END $$;

    CREATE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        may_change text[] := ARRAY['by_id', 'reason', 'address', 'salt', 'is_sealed'];
    BEGIN
        IF TG_OP = 'UPDATE'
            AND to_jsonb(NEW) - may_change = to_jsonb(OLD) - may_change
            AND (NEW.by_id IS NULL OR NEW.by_id IS NOT DISTINCT FROM OLD.by_id)
            AND (
                (NEW.reason, NEW.address, NEW.salt) IS NOT DISTINCT FROM (OLD.reason, OLD.address, OLD.salt)
                OR NEW.reason = '' AND NEW.address IS NULL AND NEW.salt IS NULL
            )
            AND (NEW.is_sealed OR NOT OLD.is_sealed)
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'an audit entry stays as it is' USING ERRCODE = 'check_violation';
    END $$;

    CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit stays as it is' USING ERRCODE = 'check_violation';
    END $$;

    CREATE FUNCTION audit_seal(at_most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE
        e booking_auditentry%ROWTYPE;
        last_position bigint := 0;
        last_hash bytea := ''::bytea;
        said bytea;
        n integer := 0;
    BEGIN
        -- one after the other, so that the order is total
        PERFORM pg_advisory_xact_lock(hashtext('audit_seal'));
        SELECT s.position, s.hash INTO last_position, last_hash FROM booking_auditseal AS s ORDER BY s.position DESC LIMIT 1;
        last_position := coalesce(last_position, 0);
        last_hash := coalesce(last_hash, ''::bytea);
        FOR e IN
            SELECT * FROM booking_auditentry AS w WHERE NOT w.is_sealed ORDER BY w.recorded_at, w.id LIMIT at_most
        LOOP
            last_position := last_position + 1;
            said := {DIGEST};
            last_hash := sha256(last_hash || int8send(last_position) || said);
            INSERT INTO booking_auditseal (position, entry, digest, hash, sealed_at)
                VALUES (last_position, e.id, said, last_hash, clock_timestamp());
            UPDATE booking_auditentry SET is_sealed = true WHERE id = e.id;
            n := n + 1;
        END LOOP;
        RETURN n;
    END $$;

    -- it works for the role that owns the tables, so a table of the same name made by whoever calls it must not count
    DO $$ BEGIN
        EXECUTE format('ALTER FUNCTION audit_seal(integer) SET search_path = %I, pg_temp', current_schema());
    END $$;
"""  # nosec B608 - our own words
TRIGGERS = """
    CREATE TRIGGER audit_entry_written BEFORE INSERT ON booking_auditentry
        FOR EACH ROW EXECUTE FUNCTION audit_entry_written();
    CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE ON booking_auditentry
        FOR EACH ROW EXECUTE FUNCTION audit_entry_stays();
    CREATE TRIGGER audit_entry_never_emptied BEFORE TRUNCATE ON booking_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
    CREATE TRIGGER audit_seal_stays BEFORE UPDATE OR DELETE ON booking_auditseal
        FOR EACH ROW EXECUTE FUNCTION audit_stays();
    CREATE TRIGGER audit_seal_never_emptied BEFORE TRUNCATE ON booking_auditseal
        FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
"""
UNDONE = """
    DROP TRIGGER audit_entry_written ON booking_auditentry;
    DROP TRIGGER audit_entry_stays ON booking_auditentry;
    DROP TRIGGER audit_entry_never_emptied ON booking_auditentry;
    DROP TRIGGER audit_seal_stays ON booking_auditseal;
    DROP TRIGGER audit_seal_never_emptied ON booking_auditseal;
    DROP FUNCTION audit_entry_written, audit_entry_stays, audit_stays, audit_seal;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0015_extended_series"),
        ("clients", "0006_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry", models.UUIDField(unique=True)),
                ("digest", models.BinaryField(max_length=32)),
                ("hash", models.BinaryField(max_length=32)),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "seal of an audit entry",
                "verbose_name_plural": "seals of audit entries",
                "ordering": ["position"],
            },
        ),
        migrations.AddField(
            model_name="auditentry",
            name="actor",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="address",
            field=models.GenericIPAddressField(
                default=clients.origin.origin, editable=False, null=True, verbose_name="from the address"
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="client",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clients.client",
                verbose_name="client",
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="is_sealed",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="record",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="recorded_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="salt",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="told_digest",
            field=models.BinaryField(default=bytes, max_length=32),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="action",
            field=models.CharField(
                choices=[
                    ("booked", "booked"),
                    ("moved", "moved"),
                    ("cancelled", "cancelled"),
                    ("status", "changed state"),
                    ("undone", "undone"),
                    ("reanchored", "re-anchored"),
                    ("on_hold", "put on hold"),
                    ("cleared", "taken off hold"),
                    ("decided", "decided"),
                    ("read_answers", "read answers"),
                    ("read_note", "read a note"),
                    ("corrected", "changed details"),
                    ("erased", "erased"),
                    ("looked_at", "looked at"),
                    ("taken_along", "took a copy"),
                    ("added", "added"),
                    ("changed", "changed"),
                    ("deleted", "deleted"),
                ],
                max_length=16,
                verbose_name="action",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="appointment",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to="booking.appointment",
                verbose_name="appointment",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="change",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to="booking.change",
                verbose_name="change",
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("is_sealed", False)), fields=["recorded_at", "id"], name="audit_entry_not_sealed"
            ),
        ),
        migrations.AddConstraint(
            model_name="auditentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("appointment__isnull", False), ("record", None)),
                    models.Q(("appointment", None), ("record__isnull", False)),
                    _connector="OR",
                ),
                name="audit_entry_of_a_session_or_a_record",
            ),
        ),
        migrations.RunSQL(BACKFILL + FUNCTIONS + TRIGGERS, UNDONE),
    ]
