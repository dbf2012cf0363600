//! Only to Customer (RFC 9234 section 5).
//!
//! On sessions with a role, events show it by name. ExaBGP does not support roles and shows an unknown attribute; our
//! events on sessions without a role do the same, so that scripts that match `attribute-0x23-0xE0` keep working. Its
//! configuration keyword is `otc`.

use super::{Attribute, PathAttribute, flags};
use crate::bgp::asn::Asn;
use crate::bgp::capability::BgpRole;
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::bgp::role::{Leaks, LocalRole};
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// How events show the attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OtcForm {
    /// As an unknown attribute, like ExaBGP.
    #[default]
    Unnamed,
    /// By its name.
    Named,
    /// By its name, and marked as a route leak.
    Leak,
}

/// The AS from which the route may only be propagated to customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Otc {
    /// That AS.
    pub asn: Asn,
    /// How events show it.
    pub form: OtcForm,
}

impl Otc {
    /// The attribute as configured, or as received on a session without a role.
    pub const fn new(asn: Asn) -> Self {
        Self {
            asn,
            form: OtcForm::Unnamed,
        }
    }
}

impl PathAttribute for Otc {
    const CODE: u8 = iana::attribute::ONLY_TO_CUSTOMER;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "attribute-0x23-0xE0";
    const KEYWORDS: &'static [&'static str] = &["otc", "only-to-customer"];
    // RFC 9234 5: "The OTC Attribute is considered malformed if the length value is not 4. An UPDATE message with a malformed
    // OTC Attribute SHALL be handled using the approach of 'treat-as-withdraw'."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        r.u32("an AS number of four bytes")
            .map(|asn| Self::new(Asn(asn)))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.u32(self.asn.0);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.value("an AS number", value::asn)
            .map(|asn| Self::new(Asn(asn)))
    }

    fn key(&self) -> &'static str {
        match self.form {
            OtcForm::Unnamed => Self::NAME,
            OtcForm::Named | OtcForm::Leak => "otc",
        }
    }

    fn json(&self, w: &mut JsonWriter) {
        match self.form {
            OtcForm::Unnamed => drop(w.format(format_args!("\"0x{:08x}\"", self.asn.0))),
            OtcForm::Named => drop(w.number(self.asn.0)),
            OtcForm::Leak => drop(w.number(self.asn.0).raw(", \"route-leak\": true")),
        }
    }

    fn text(&self, out: &mut String) {
        match self.form {
            OtcForm::Unnamed => {
                out.push_str(&format!("attribute [ 0x23 0xE0 0x{:08x} ]", self.asn.0));
            }
            OtcForm::Named => self.grammar(out),
            OtcForm::Leak => {
                self.grammar(out);
                out.push_str(" route-leak");
            }
        }
    }

    fn grammar(&self, out: &mut String) {
        out.push_str(&format!("otc {}", self.asn));
    }
}

impl LocalRole {
    /// Applies the ingress procedure to the attributes of received routes: adds OTC, or marks a leak.
    ///
    /// # Errors
    /// Returns an error for a leak if leaks are treated as withdrawn.
    pub fn receive(self, list: &mut Vec<Attribute>) -> Result<(), UpdateError> {
        let found = list.iter_mut().find_map(|attribute| match attribute {
            Attribute::Otc(otc) => Some(otc),
            _ => None,
        });
        let Some(otc) = found else {
            if self.keeps_back() {
                list.push(Attribute::Otc(Otc {
                    asn: self.peer_as,
                    form: OtcForm::Named,
                }));
            }
            return Ok(());
        };
        let leaked = match self.role {
            BgpRole::PROVIDER | BgpRole::RS => true,
            BgpRole::PEER => otc.asn != self.peer_as,
            _ => false,
        };
        otc.form = if leaked {
            OtcForm::Leak
        } else {
            OtcForm::Named
        };
        if leaked && self.leaks == Leaks::Withdraw {
            return Err(UpdateError::attribute(
                Severity::TreatAsWithdraw,
                iana::attribute::ONLY_TO_CUSTOMER,
                "a route leak: the peer must not send us a route with this Only to Customer",
            ));
        }
        Ok(())
    }
}
