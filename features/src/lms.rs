//! A learning platform that the checks play: its keys, its key set, and what it signs, right or wrong.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::token::{base64url, from_base64url, hmac};

/// A key that signs.
#[derive(Debug)]
pub struct Key {
    /// Its name in the key set.
    pub kid: String,
    pair: RsaKeyPair,
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::Broken(format!("no RSA key can be made or used: {error}"))
}

/// A fresh private key: PKCS #8, as base64 in one line.
pub fn fresh_private_key() -> Result<String, Failure> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(broken)?;
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().map_err(broken)?;
    Ok(STANDARD.encode(der.as_ref()))
}

impl Key {
    /// A fresh key.
    pub fn fresh() -> Result<Self, Failure> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(broken)?;
        Ok(Self { kid: uuid::Uuid::new_v4().to_string(), pair })
    }

    /// The public half as it stands in a key set.
    pub fn jwk(&self) -> Value {
        let key = self.pair.public_key();
        let n = base64url(key.modulus().big_endian_without_leading_zero());
        let e = base64url(key.exponent().big_endian_without_leading_zero());
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "n": n, "e": e})
    }

    /// The public half as a PEM, and as the bytes of its JWK: what somebody may take for a secret.
    fn as_secrets(&self) -> Result<[Vec<u8>; 3], Failure> {
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
            self.pair.public_key().as_der().map_err(broken)?;
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        let modulus = self.pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
        Ok([pem.into_bytes(), modulus, self.jwk().to_string().into_bytes()])
    }

    fn sign(&self, how: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(how, &SystemRandom::new(), message, &mut signature)
            .map_err(broken)
            .map(|()| signature)
    }

    /// A token signed with RS256, whatever its header says.
    pub fn token(&self, header: &Value, claims: &Value) -> Result<String, Failure> {
        self.signed(header, claims, &RSA_PKCS1_SHA256)
    }

    fn signed(
        &self,
        header: &Value,
        claims: &Value,
        how: &'static dyn RsaEncoding,
    ) -> Result<String, Failure> {
        let input = input(header, claims);
        Ok(format!("{input}.{}", base64url(&self.sign(how, input.as_bytes())?)))
    }

    /// The header of a right token.
    pub fn header(&self) -> Value {
        json!({"alg": "RS256", "typ": "JWT", "kid": self.kid})
    }

    /// Tokens with right claims whose signature must not be accepted, each with what is wrong.
    pub fn forgeries(&self, claims: &Value) -> Result<Vec<(String, String)>, Failure> {
        let with = |name: &str, value: Value| {
            let mut header = self.header();
            header[name] = value;
            header
        };
        let alg = |name: &str| with("alg", name.into());
        let right = self.token(&self.header(), claims)?;
        let (signed, signature) = right.rsplit_once('.').unwrap_or_default();
        let mut all = Vec::new();
        for none in ["none", "None", "NONE", "nOnE", ""] {
            let input = input(&alg(none), claims);
            all.push((format!("no signature, `{none}`"), format!("{input}.")));
            all.push((format!("a signature for `{none}`"), format!("{input}.{signature}")));
        }
        for (secret, what) in self.as_secrets()?.iter().zip(["PEM", "modulus", "JWK"]) {
            let input = input(&alg("HS256"), claims);
            let mac = base64url(&hmac(256, secret, input.as_bytes()));
            all.push((format!("HS256 with the public key's {what}"), format!("{input}.{mac}")));
            // The same with a header that promises RS256.
            let input = self::input(&self.header(), claims);
            let mac = base64url(&hmac(256, secret, input.as_bytes()));
            all.push((
                format!("an HMAC by the {what} in place of RS256"),
                format!("{input}.{mac}"),
            ));
        }
        let others: [(&str, &'static dyn RsaEncoding); 3] = [
            ("RS384", &RSA_PKCS1_SHA384),
            ("RS512", &RSA_PKCS1_SHA512),
            ("PS256", &RSA_PSS_SHA256),
        ];
        for (name, how) in others {
            all.push((format!("a right {name}"), self.signed(&alg(name), claims, how)?));
            let lying = self.signed(&self.header(), claims, how)?;
            all.push((format!("{name} that says RS256"), lying));
        }
        let other = Self::fresh()?;
        all.push(("another key of the same name".into(), other.token(&self.header(), claims)?));
        for (name, value) in [
            ("jwk", other.jwk()),
            ("jku", "https://evil.example/keys".into()),
            ("x5u", "https://evil.example/chain".into()),
            ("x5c", json!(["MIIB"])),
        ] {
            all.push((
                format!("another key, named in `{name}`"),
                other.token(&with(name, value), claims)?,
            ));
        }
        let mut edited = claims.clone();
        edited["sub"] = "somebody-else".into();
        let payload = base64url(edited.to_string().as_bytes());
        let head = signed.split('.').next().unwrap_or_default();
        all.push(("claims edited afterwards".into(), format!("{head}.{payload}.{signature}")));
        let cut = signature.get(4..).unwrap_or_default();
        all.push(("a signature that is cut".into(), format!("{signed}.{cut}")));
        all.push(("no signature".into(), format!("{signed}.")));
        all.push(("`alg` as a list".into(), self.token(&with("alg", json!(["RS256"])), claims)?));
        all.push(("`crit`".into(), self.token(&with("crit", json!(["b64"])), claims)?));
        all.push(("no name of a key".into(), self.token(&with("kid", Value::Null), claims)?));
        Ok(all)
    }
}

fn input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

/// The claims of a token that a key of this set signed with RS256; why not, otherwise.
pub fn verify(token: &str, key_set: &Value) -> Result<Value, String> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("it does not have three parts".to_owned());
    };
    let json = |part: &str| -> Result<Value, String> {
        let bytes = from_base64url(part).ok_or("a part is not base64url")?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    };
    let head = json(header)?;
    if head["alg"] != "RS256" {
        return Err(format!("its algorithm is {}", head["alg"]));
    }
    let keys = key_set["keys"].as_array().ok_or("the key set has no keys")?;
    let key = keys.iter().find(|key| key["kid"] == head["kid"] && key["kty"] == "RSA");
    let key = key.ok_or("its key is not in the key set")?;
    let number = |name: &str| {
        from_base64url(key[name].as_str().unwrap_or_default()).ok_or("the key cannot be read")
    };
    let signature = from_base64url(signature).ok_or("the signature is not base64url")?;
    let signed = format!("{header}.{claims}");
    let components = PublicKeyComponents { n: number("n")?, e: number("e")? };
    components
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .map_err(|_| "the signature does not match".to_owned())?;
    json(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_signs_is_verified_by_its_own_set_only() {
        let (key, other) = (Key::fresh().unwrap(), Key::fresh().unwrap());
        let claims = json!({"sub": "ada"});
        let token = key.token(&key.header(), &claims).unwrap();
        assert_eq!(verify(&token, &json!({"keys": [other.jwk(), key.jwk()]})), Ok(claims.clone()));
        assert!(verify(&token, &json!({"keys": [other.jwk()]})).is_err());
        for (what, forged) in key.forgeries(&claims).unwrap() {
            // What is wrong with this one a verifier must know by its rules, not by the signature.
            if what != "`crit`" {
                assert!(verify(&forged, &json!({"keys": [key.jwk()]})).is_err(), "{what}");
            }
        }
    }
}
